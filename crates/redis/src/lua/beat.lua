-- A node says that it lives. KEYS[1]: the nodes. ARGV: node, or '' to look only; for how long (µs) its word counts.
-- Answers whether its word had run out (or it is new), who lives, who died and was not cleared away.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local since = now - tonumber(ARGV[2])
local function plain(n) return string.format('%.0f', n) end
local new = 0
if ARGV[1] ~= '' then
  local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not before or tonumber(before) < since then new = 1 end
  redis.call('ZADD', KEYS[1], plain(now), ARGV[1])
end
return {
  new,
  redis.call('ZRANGEBYSCORE', KEYS[1], plain(since), '+inf'),
  redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. plain(since)),
}
