-- Permits to call insurers: a bucket an insurer, shared by all replicas. KEYS: the buckets.
-- ARGV: for each its calls a second, its burst, how many are wanted.
-- Returns for each how many are granted and in how many ms there is another.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local told = {}
for n, key in ipairs(KEYS) do
  local rate, burst, wanted = ARGV[3 * n - 2] / 1000, tonumber(ARGV[3 * n - 1]), tonumber(ARGV[3 * n])
  local kept = redis.call('GET', key)
  local left, at = burst, now
  if kept then
    local space = string.find(kept, ' ', 1, true)
    left, at = tonumber(string.sub(kept, 1, space - 1)), tonumber(string.sub(kept, space + 1))
    left = math.min(burst, left + math.max(0, now - at) * rate)
  end
  local granted = math.min(wanted, math.floor(left))
  left = left - granted
  local whole_ms = math.ceil((burst - left) / rate) + 1
  redis.call('SET', key, string.format('%.6f %.3f', left, now), 'PX', whole_ms)
  told[#told + 1] = granted
  told[#told + 1] = math.ceil(math.max(0, 1 - left) / rate)
end
return told
