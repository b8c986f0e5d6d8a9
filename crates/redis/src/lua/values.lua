-- Writes small values, if those that are expected are there. KEYS[1]: the key of values. ARGV: how many are expected, each with
-- name, whether it is there, value; then those to write, likewise.
local P, at_arg = KEYS[1], 0
local function take() at_arg = at_arg + 1; return ARGV[at_arg] end
-- Not while a cluster's slot moves: see publish.lua.
redis.call('EXISTS', P .. ':moves')
for _ = 1, tonumber(take()) do
  local name, there, value = take(), take() == '1', take()
  local is = redis.call('HGET', P, name)
  if (is and true or false) ~= there or there and is ~= value then return 0 end
end
for _ = 1, tonumber(take()) do
  local name, there, value = take(), take() == '1', take()
  if there then
    redis.call('HSET', P, name, value)
    redis.call('ZADD', P .. ':names', 0, name)
  else
    redis.call('HDEL', P, name)
    redis.call('ZREM', P .. ':names', name)
  end
end
return 1
