"""The scripts that run inside Redis, in one step each.

Rules: a node is alive while its score in the sorted set of nodes is in the future of Redis's own
clock. A claim is a key that holds its owner's name. The first node that comes back to a Redis
without living nodes sets `returning`; while it exists, missing nodes and claims may only be late.
"""

from __future__ import annotations

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# KEYS: nodes, returning. ARGV: the node, its lease in ms, 1 if it had one before, how long the
# others may take to come back in ms. Returns whether the lease still held, whether others are
# coming back, the time, and each node with the end of its lease.
RENEW_LEASE = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not held and ARGV[3] == '1' and redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
return {held and 1 or 0, redis.call('EXISTS', KEYS[2]), now,
        redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')}
"""
)

# KEYS: the claim, nodes, returning. ARGV: the node, how long a claim holds in ms, 1 to claim a key
# without an owner. Returns the owner and whether it is alive, nothing if there is no owner, or 0 if
# that is not known yet.
ASK_OWNER = (
    _NOW
    + """
local owner = redis.call('GET', KEYS[1])
if owner == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {owner, 1}
end
if owner then
  local ends = redis.call('ZSCORE', KEYS[2], owner)
  if ends and tonumber(ends) > now then
    return {owner, 1}
  end
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return 0
end
if owner then
  return {owner, 0}
end
if ARGV[3] == '1' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return {ARGV[1], 1}
end
return false
"""
)

# KEYS: claims. ARGV: the node, how long a claim holds in ms. Returns those that others own.
RENEW_CLAIMS = """
local others = {}
for place, key in ipairs(KEYS) do
  local owner = redis.pcall('GET', key)
  if owner == ARGV[1] then
    redis.call('PEXPIRE', key, ARGV[2])
  elseif not owner then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
  else
    others[#others + 1] = place - 1
  end
end
return others
"""

# KEYS: claims. ARGV: the node.
RELEASE_CLAIMS = """
for _, key in ipairs(KEYS) do
  if redis.pcall('GET', key) == ARGV[1] then
    redis.call('DEL', key)
  end
end
return true
"""

ALL = (RENEW_LEASE, ASK_OWNER, RENEW_CLAIMS, RELEASE_CLAIMS)
