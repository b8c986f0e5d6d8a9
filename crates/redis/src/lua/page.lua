-- Events behind a place. KEYS[1]: the contract's key. ARGV: log, after, how many at most, bytes of payload at most, and, where it is
-- to be looked whether the event there is the one that the asker knows, its at.
local P, name = KEYS[1], ARGV[1]
local after, most, bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local row = redis.call('HMGET', P .. ':l:' .. name, 'epoch', 'head', 'first')
local found, weight, taken = {}, 0, 0
local from = math.max(after + 1, tonumber(row[3] or '1'))
local head = tonumber(row[2] or '0')
while from <= head and taken < most and (weight < bytes or taken == 0) do
  local step = math.min(most - taken, 64)
  local entries = redis.call('XRANGE', P .. ':e:' .. name, string.format('%.0f', from) .. '-0', '+', 'COUNT', step)
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    if weight >= bytes and taken > 0 then break end
    local blob = entry[2][2]
    taken = taken + 1
    found[#found + 1] = entry[1]
    found[#found + 1] = blob
    weight = weight + #blob
    from = tonumber(entry[1]:match('^%d+')) + 1
  end
end
local same = 1
if ARGV[5] and after > head then
  same = 0
elseif ARGV[5] and after > 0 and after >= tonumber(row[3] or '1') then
  local there = redis.call('XRANGE', P .. ':e:' .. name, ARGV[2] .. '-0', ARGV[2] .. '-0')[1]
  if not there or struct.unpack('>I8', there[2][2], 1) ~= tonumber(ARGV[5]) then same = 0 end
end
return { row[1] or '0', row[2] or '0', row[3] or '1', found, same }
