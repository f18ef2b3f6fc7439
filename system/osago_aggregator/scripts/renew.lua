-- Renew the leases of an owner. KEYS: running. ARGV: prefix of applications, owner, lease in ms,
-- then the ids. Returns for each how many events it has; -1: not there; -2: another's by now.
local clock = redis.call('TIME')
local until_ms = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[3]
local told = {}
for n = 4, #ARGV do
  local key = ARGV[1] .. ARGV[n]
  local known = redis.call('HMGET', key, 'owner', 'status')
  if not known[1] then
    told[#told + 1] = -1
  elseif known[1] ~= ARGV[2] then
    told[#told + 1] = -2
  else
    if known[2] == 'running' then
      redis.call('ZADD', KEYS[1], until_ms, ARGV[n])
    end
    told[#told + 1] = redis.call('LLEN', key .. ':events')
  end
end
return told
