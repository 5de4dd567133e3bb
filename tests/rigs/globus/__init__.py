"""Globus on loopback: real brokers, real endpoints, the unmodified SDK, and a stand-in for the web services.

What is real: RabbitMQ (`broker`), the endpoint's processes, engines and workers (`child_endpoint`; with the core
process that starts them, as an administrator sets it up, `core_endpoint`), the SDK's `Client` and `Executor`. What is
not: the web services (`service`), programs of this project that speak their protocol over HTTP (`web`) and AMQP
(`amqp`). Every listener is on 127.0.0.1 at a port that was free.

How the unmodified SDK comes to the stand-in, as it lets nobody choose the address of Compute: `sdk.environment` puts
the folder `redirect` on PYTHONPATH, whose `sitecustomize` makes the SDK honour GLOBUS_SDK_SERVICE_URL_COMPUTE, as the
Globus SDK itself does. In the tests' own process the fixture `service` does the same. Nothing else is patched.

Fixtures are in `fixtures`; `python -m tests.rigs.globus.cloud --dir DIR` is all of it as a program, for use by hand.
TLS, batch systems and the real service's permissions are not here.
"""
