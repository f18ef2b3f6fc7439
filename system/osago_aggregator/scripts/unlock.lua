-- The origin could not be asked: give the lock back and leave the origin alone for a while.
-- KEYS: lock, mark. ARGV: token, ms.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
end
return 1
