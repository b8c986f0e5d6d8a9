-- Where the contract and some of its logs stand, and whether what a node knows of them is still there.
--
-- KEYS[1]: the contract's key. ARGV: notify, channel, whether to make the contract, then for each log: name, the head that the
-- node knows, and its at.
local P = KEYS[1]
local function plain(n) return string.format('%.0f', n) end
if not redis.call('HGET', P, 'clock') and ARGV[3] == '1' then
  local time = redis.call('TIME')
  redis.call('HSET', P, 'n', '0', 'clock', plain(tonumber(time[1]) * 1000000 + tonumber(time[2])))
end
local kept = redis.call('HMGET', P, 'n', 'clock', 'lost')
local lost = tonumber(kept[3] or '0')
local found = {}
for i = 4, #ARGV, 3 do
  local name, head, at = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local row = redis.call('HMGET', P .. ':l:' .. name, 'epoch', 'head', 'first', 'at', 'gone_at')
  local is, first = tonumber(row[2] or '0'), tonumber(row[3] or '1')
  local same = 1
  if head > is then
    same = 0
  elseif head >= first and head > 0 then
    local entry = redis.call('XRANGE', P .. ':e:' .. name, plain(head) .. '-0', plain(head) .. '-0')[1]
    if not entry or struct.unpack('>I8', entry[2][2], 1) ~= at then same = 0 end
  end
  local epoch = tonumber(row[1] or '0')
  if epoch > 0 then epoch = math.max(epoch, lost) end
  found[#found + 1] = { plain(epoch), plain(is), plain(first), row[4] or '0', row[5] or '0', same }
end
return { kept[1] or '0', kept[2] or '0', plain(lost), found }
