-- Keep what the holder of a lock has fetched, and say so. KEYS: value, lock.
-- ARGV: token, value, ms kept, channel, message. Returns 0 when the lock is no longer its own:
-- the value was declared outdated while it was fetched.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
