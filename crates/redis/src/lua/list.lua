-- Names and states of logs. KEYS[1]: the contract's key. ARGV: lexical range, how many.
local P = KEYS[1]
local lost = tonumber(redis.call('HGET', P, 'lost') or '0')
local found = {}
for _, name in ipairs(redis.call('ZRANGEBYLEX', P .. ':logs', ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  local row = redis.call('HMGET', P .. ':l:' .. name, 'epoch', 'head', 'first', 'at', 'gone_at')
  local epoch = math.max(tonumber(row[1] or '0'), lost)
  found[#found + 1] = { name, string.format('%.0f', epoch), row[2] or '0', row[3] or '1', row[4] or '0', row[5] or '0' }
end
return found
