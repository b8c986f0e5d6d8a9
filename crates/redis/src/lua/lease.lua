-- Takes, keeps or gives back what one node at a time may do. KEYS[1]: the lease. ARGV: who asks, for how long in ms; 0 gives back.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
