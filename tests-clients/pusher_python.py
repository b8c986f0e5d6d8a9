"""The `pusher` library for Python, unmodified, against the app that its arguments name. K-1"""
import json
import sys

import pusher

host, port, app_id, key, secret = sys.argv[1:]
client = pusher.Pusher(app_id=app_id, key=key, secret=secret, host=host, port=int(port), ssl=False)

assert client.trigger(["py-a", "py-b"], "greeting", {"text": "é"}) == {}, "trigger"
assert client.trigger("py-a", "greeting", {}, socket_id="1.2") == {}, "trigger but for one"
assert client.trigger_batch([{"channel": "py-a", "name": "greeting", "data": {"n": 1}}]) == {}, "trigger_batch"
assert client.channels_info("py-", []) == {"channels": {}}, "channels_info"
assert client.channel_info("py-a") == {"occupied": False}, "channel_info"
assert client.users_info("presence-py") == {"users": []}, "users_info"
# terminate_user_connections is left out: the library asks for it at /users/…, a path that the protocol does not have.
signed = client.authenticate("presence-py", "1.2", {"user_id": "u", "user_info": {"n": 1}})
assert signed["auth"].startswith(key + ":"), "authenticate"
try:
    client.trigger("py-a", "greeting", "x" * 10241)
except Exception as error:  # The library refuses it, or the server does.
    print("refused:", type(error).__name__)
else:
    raise SystemExit("data of more than 10 kB was taken")
print(json.dumps({"auth": signed}))
