-- Let go of applications, so that another replica takes them at once. KEYS: running.
-- ARGV: prefix of applications, owner, then the ids.
for n = 3, #ARGV do
  local known = redis.call('HMGET', ARGV[1] .. ARGV[n], 'owner', 'status')
  if known[1] == ARGV[2] and known[2] == 'running' then
    redis.call('ZADD', KEYS[1], 0, ARGV[n])
  end
end
return 1
