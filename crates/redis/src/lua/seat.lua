-- A connection takes a place of its principal. KEYS[1]: the principal's places. ARGV: node and connection, how many places there
-- are, for how long in ms the places are kept without a word, then the nodes that live. Answers who has to make room, oldest first.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local alive = {}
for i = 4, #ARGV do alive[ARGV[i]] = true end
for _, seat in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not alive[seat:match('^[^:]*')] then redis.call('ZREM', KEYS[1], seat) end
end
redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local many = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[2])
if many <= 0 then return {} end
local out = redis.call('ZRANGE', KEYS[1], 0, many - 1)
for _, seat in ipairs(out) do redis.call('ZREM', KEYS[1], seat) end
return out
