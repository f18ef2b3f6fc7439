-- Note what insurers call an application. KEYS: application. ARGV: field, reference, ...
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
end
return 1
