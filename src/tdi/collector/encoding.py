"""How values are written in a record."""

from __future__ import annotations

import json

encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
encode_key = json.encoder.encode_basestring_ascii
