"""How nodes find and reach each other: buses, the relay of requests, and rooms over nodes."""
