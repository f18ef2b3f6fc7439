-- Store what came of one insurer, once, and tell whoever follows.
-- KEYS: application, its events, running. ARGV: id, insurer, state, event, channel, ms kept.
-- Returns how many events there are then; -1 when the application is not there (any more).
if redis.call('EXISTS', KEYS[1]) == 0 then
  return -1
end
if redis.call('HSETNX', KEYS[1], 's:' .. ARGV[2], ARGV[3]) == 0 then
  return redis.call('LLEN', KEYS[2])
end
local count = redis.call('RPUSH', KEYS[2], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[1] .. ' ' .. count .. ' ' .. ARGV[4])
if count == 1 then
  redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
end
if redis.call('HINCRBY', KEYS[1], 'open', -1) <= 0 then
  redis.call('HSET', KEYS[1], 'status', 'done')
  redis.call('ZREM', KEYS[3], ARGV[1])
  count = redis.call('RPUSH', KEYS[2], 'done {"status":"done"}')
  redis.call('PUBLISH', ARGV[5], ARGV[1] .. ' ' .. count .. ' done {"status":"done"}')
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
return count
