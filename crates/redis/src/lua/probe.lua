-- Tells everybody how far the contract's messages have got. KEYS[1]: the contract's key. ARGV: notify, channel, who asks and
-- its stamp, 8 bytes each.
local kept = redis.call('HMGET', KEYS[1], 'n', 'clock', 'lost')
local n, clock, lost = tonumber(kept[1] or '0'), tonumber(kept[2] or '0'), tonumber(kept[3] or '0')
redis.call(ARGV[1], ARGV[2], 'P' .. struct.pack('>I8I8I8', n, clock, lost) .. ARGV[3] .. ARGV[4])
return 1
