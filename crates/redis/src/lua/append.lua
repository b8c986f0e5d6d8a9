-- Appends records that already have their places. KEYS[1]: the contract's key. ARGV: a run of values, see log.rs.
local P, at_arg = KEYS[1], 0
local function take() at_arg = at_arg + 1; return ARGV[at_arg] end
local function number() return tonumber(take()) end
local function plain(n) return string.format('%.0f', n) end
-- Not while a cluster's slot moves: see publish.lua.
redis.call('EXISTS', P .. ':moves')
local clock = tonumber(redis.call('HGET', P, 'clock') or '0')
for _ = 1, number() do
  local name = take()
  local hash = P .. ':l:' .. name
  local row = redis.call('HMGET', hash, 'head', 'cum')
  local head, cum = tonumber(row[1] or '0'), tonumber(row[2] or '0')
  for _ = 1, number() do
    local seq, at, id, key, weight, rest = number(), number(), take(), take(), number(), take()
    if seq ~= head + 1 then return redis.error_reply('ERR ' .. name .. ' stands at ' .. plain(head) .. ', not before ' .. plain(seq)) end
    head, cum = seq, cum + weight
    redis.call('XADD', P .. ':e:' .. name, plain(seq) .. '-0', 'e', struct.pack('>I8I8', at, cum) .. id .. rest)
    if key ~= '' then
      redis.call('HSET', P .. ':k:' .. name, key, struct.pack('>I8I8', seq, at) .. id)
      redis.call('RPUSH', P .. ':o:' .. name, struct.pack('>I8', at) .. key)
    end
    redis.call('HSET', hash, 'head', plain(head), 'cum', plain(cum), 'at', plain(at))
    clock = math.max(clock, at)
  end
  for _ = 1, number() do
    local present, one, two = take() == '1', take(), take()
    if present then
      redis.call('ZADD', P .. ':m:' .. name, 0, one, 0, two)
    else
      redis.call('ZREM', P .. ':m:' .. name, one, two)
    end
  end
  for _ = 1, number() do
    local row_name, present, value = take(), take() == '1', take()
    if present then
      redis.call('HSET', P .. ':s:' .. name, row_name, value)
      redis.call('ZADD', P .. ':n:' .. name, 0, row_name)
    else
      redis.call('HDEL', P .. ':s:' .. name, row_name)
      redis.call('ZREM', P .. ':n:' .. name, row_name)
    end
  end
end
redis.call('HSET', P, 'clock', plain(clock))
return 1
