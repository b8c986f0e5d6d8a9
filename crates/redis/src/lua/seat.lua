-- A connection takes a place of its principal. KEYS[1]: the principal's places. ARGV: node and connection; how many places there are;
-- for how long (ms) they are kept without a word; since when (µs) it has its place, or ''; what becomes of one too many: 'oldest' leaves,
-- 'newest' is refused, 'both' stay; '1' if the rest is fresh; the nodes that live.
--
-- Answers { 1, since when, who has to leave, oldest first }, { 0 } if it is refused, or { -1 } if a place is a node's that is not among
-- those that live: to be asked with a fresh list, since only Redis knows whether it does.
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2]))
local alive = {}
for i = 7, #ARGV do alive[ARGV[i]] = true end
for _, seat in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not alive[seat:match('^[^:]*')] then
    if ARGV[6] ~= '1' then return { -1 } end
    redis.call('ZREM', KEYS[1], seat)
  end
end
local most, taken = tonumber(ARGV[2]), redis.call('ZSCORE', KEYS[1], ARGV[1])
if not taken and ARGV[5] == 'newest' and redis.call('ZCARD', KEYS[1]) >= most then return { 0 } end
redis.call('ZADD', KEYS[1], 'NX', ARGV[4] ~= '' and ARGV[4] or now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local since = string.format('%.0f', redis.call('ZSCORE', KEYS[1], ARGV[1]))
local many = redis.call('ZCARD', KEYS[1]) - most
if ARGV[5] ~= 'oldest' or many <= 0 then return { 1, since, {} } end
-- Their places are theirs until they have left: who was not told, as the answer got lost, is named again with the next one.
return { 1, since, redis.call('ZRANGE', KEYS[1], 0, many - 1) }
