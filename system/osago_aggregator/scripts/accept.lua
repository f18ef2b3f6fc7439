-- Take an application, once. KEYS: application, running.
-- ARGV: id, digest, body, ms left, owner, lease in ms, ms kept after the deadline, insurers.
-- Returns {taken (1), found (0) or conflict (-1), ms left, status, owner}.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'digest', 'deadline', 'status', 'owner')
if known[1] then
  return {known[1] == ARGV[2] and 0 or -1, known[2] - now, known[3], known[4], known[2]}
end
local deadline = string.format('%.0f', now + ARGV[4])
local _, insurers = string.gsub(ARGV[8], '[^,]+', '')
redis.call('HSET', KEYS[1], 'digest', ARGV[2], 'body', ARGV[3], 'deadline', deadline,
  'status', 'running', 'owner', ARGV[5], 'insurers', ARGV[8], 'open', insurers)
redis.call('PEXPIRE', KEYS[1], ARGV[4] + ARGV[7])
redis.call('ZADD', KEYS[2], now + ARGV[6], ARGV[1])
return {1, tonumber(ARGV[4]), 'running', ARGV[5], deadline}
