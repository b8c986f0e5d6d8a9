-- Counts against rates of a principal: the generic cell rate algorithm. KEYS[1]: the principal's rates. ARGV: for each rate, in the
-- order in which they are asked: name, µs, how many in these. Answers the place of the first that is exceeded, from 1, and how long
-- to wait (µs); 0 where none is.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local longest = 0
for i = 1, #ARGV, 3 do
  local per, count = tonumber(ARGV[i + 1]), math.max(tonumber(ARGV[i + 2]), 1)
  local empty_at = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0')
  local next = math.max(empty_at, now) + math.floor(per / count)
  if next - now > per then return { (i + 2) / 3, next - now - per } end
  redis.call('HSET', KEYS[1], ARGV[i], string.format('%.0f', next))
  longest = math.max(longest, next - now)
end
redis.call('PEXPIRE', KEYS[1], math.max(math.ceil(longest / 1000), redis.call('PTTL', KEYS[1]), 1))
return { 0, 0 }
