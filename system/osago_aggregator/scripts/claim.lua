-- Take over applications whose lease has lapsed. KEYS: running.
-- ARGV: prefix of applications, owner, lease in ms, at most. Returns {id, ms left, id, ms left, ...}.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local told = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[4])) do
  local deadline = redis.call('HGET', ARGV[1] .. id, 'deadline')
  if deadline then
    redis.call('HSET', ARGV[1] .. id, 'owner', ARGV[2])
    redis.call('ZADD', KEYS[1], now + ARGV[3], id)
    told[#told + 1] = id
    told[#told + 1] = deadline - now
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return told
