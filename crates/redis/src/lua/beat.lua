-- A node says that it lives. KEYS[1]: the nodes. ARGV: node, or '' to look only; for how long (µs) its word counts.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local function plain(n) return string.format('%.0f', n) end
local new = 0
if ARGV[1] ~= '' then new = redis.call('ZADD', KEYS[1], plain(now), ARGV[1]) end
local since = plain(now - tonumber(ARGV[2]))
return { new, redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf'), redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. since) }
