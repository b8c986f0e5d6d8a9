-- Lets events and keys go. KEYS[1]: the contract's key. ARGV: notify, channel, log, oldest at or '', count or '', bytes or '',
-- now, the at up to which keys may go at most.
local P, name = KEYS[1], ARGV[3]
-- Not while a cluster's slot moves: see publish.lua.
if ARGV[1] == 'SPUBLISH' then redis.call('EXISTS', P .. ':moves') end
local function plain(n) return string.format('%.0f', n) end
local stream, hash = P .. ':e:' .. name, P .. ':l:' .. name
local row = redis.call('HMGET', hash, 'head', 'first', 'cum', 'gone')
if not row[1] then return '1' end
local head, first, cum, gone = tonumber(row[1]), tonumber(row[2]), tonumber(row[3]), tonumber(row[4])
local function entry(seq)
  local found = redis.call('XRANGE', stream, plain(seq) .. '-0', plain(seq) .. '-0')[1]
  if not found then return nil end
  return struct.unpack('>I8I8', found[2][2], 1)
end
-- The smallest seq in [low, high) for which `holds`, else high; what holds for one holds for all behind it.
local function search(low, high, holds)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if holds(middle) then high = middle else low = middle + 1 end
  end
  return low
end
local keep = first
if ARGV[5] ~= '' then keep = math.max(keep, head - tonumber(ARGV[5]) + 1) end
if ARGV[4] ~= '' then
  local oldest = tonumber(ARGV[4])
  keep = search(keep, head + 1, function(seq) local at = entry(seq); return at and at >= oldest end)
end
if ARGV[6] ~= '' then
  local least = cum - tonumber(ARGV[6])
  keep = search(keep, head + 1, function(seq)
    local before = gone
    if seq > first then local _, sum = entry(seq - 1); before = sum or gone end
    return before >= least
  end)
end
if keep > first then
  local at, sum = entry(keep - 1)
  if keep > head then
    redis.call('DEL', stream)
  else
    redis.call('XTRIM', stream, 'MINID', plain(keep) .. '-0')
  end
  redis.call('HSET', hash, 'first', plain(keep), 'gone', plain(sum or cum), 'gone_at', plain(at or tonumber(ARGV[7])))
  first = keep
  redis.call(ARGV[1], ARGV[2], 'T' .. struct.pack('>I8I2', first, #name) .. name)
end
local known = tonumber(ARGV[8])
if first <= head then
  local at = entry(first)
  if at then known = math.min(known, at) end
else
  known = math.min(known, tonumber(ARGV[7]))
end
for _ = 1, 5000 do
  local oldest = redis.call('LINDEX', P .. ':o:' .. name, 0)
  if not oldest then break end
  local at = struct.unpack('>I8', oldest, 1)
  if at >= known then break end
  redis.call('LPOP', P .. ':o:' .. name)
  local key = oldest:sub(9)
  local receipt = redis.call('HGET', P .. ':k:' .. name, key)
  if receipt and struct.unpack('>I8', receipt, 9) == at then redis.call('HDEL', P .. ':k:' .. name, key) end
end
return plain(first)
