import pjsua2
assert pjsua2.handoff_guard_capacity(0) >= 2000
