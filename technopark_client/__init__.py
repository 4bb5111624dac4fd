"""The typed client of the platform's API.

```python
from technopark_client import Client

with Client("http://127.0.0.1:8000", "tpa_…") as park:
    device = park.create_device({"tenant_id": "sunny", "name": "Roof 1"})
    print(device["id"], device["secret"])
    for each in park.list_devices(tag="roof"):
        print(each["id"], each["last_seen"])
```
"""

from technopark_client.http import ApiError, Json, Parameter, path
from technopark_client.operations import Operations as Client

__all__ = ["ApiError", "Client", "Json", "Parameter", "path"]
