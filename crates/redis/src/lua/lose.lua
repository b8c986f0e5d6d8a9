-- Acknowledged events are gone: the contents of all logs of the contract are others from now on. KEYS[1]: the contract's key.
-- ARGV: notify, channel, the time of the last loss that the node knows of, the number and the clock that it had reached.
local P = KEYS[1]
local function plain(n) return string.format('%.0f', n) end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local kept = redis.call('HMGET', P, 'n', 'clock', 'lost')
local n, clock, lost = tonumber(kept[1] or '0'), tonumber(kept[2] or '0'), tonumber(kept[3] or '0')
-- Another node may have said so before: but what this one had seen must not be given again.
if lost <= tonumber(ARGV[3]) then lost = math.max(now, clock + 1, tonumber(ARGV[5]) + 1) end
n = math.max(n, tonumber(ARGV[4])) + 1
clock = math.max(clock, lost, tonumber(ARGV[5]))
redis.call('HSET', P, 'n', plain(n), 'clock', plain(clock), 'lost', plain(lost))
redis.call(ARGV[1], ARGV[2], 'L' .. struct.pack('>I8I8I8', n, clock, lost))
return { plain(n), plain(clock), plain(lost) }
