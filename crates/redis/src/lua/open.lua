-- Makes a log where there is none. KEYS[1]: the contract's key. ARGV: log, epoch.
local P, name = KEYS[1], ARGV[1]
local hash = P .. ':l:' .. name
if redis.call('HSETNX', hash, 'epoch', ARGV[2]) == 1 then
  redis.call('HSET', hash, 'first', '1', 'gone', '0', 'head', '0', 'cum', '0')
  redis.call('ZADD', P .. ':logs', 0, name)
end
return 1
