-- The seq of the newest event up to a time. KEYS[1]: the contract's key. ARGV: log, at.
local P, name, wanted = KEYS[1], ARGV[1], tonumber(ARGV[2])
local function plain(n) return string.format('%.0f', n) end
local row = redis.call('HMGET', P .. ':l:' .. name, 'head', 'first')
if not row[1] then return '0' end
local low, high = tonumber(row[2]), tonumber(row[1]) + 1
while low < high do
  local middle = math.floor((low + high) / 2)
  local entry = redis.call('XRANGE', P .. ':e:' .. name, plain(middle) .. '-0', plain(middle) .. '-0')[1]
  if entry and struct.unpack('>I8', entry[2][2], 1) > wanted then high = middle else low = middle + 1 end
end
return plain(low - 1)
