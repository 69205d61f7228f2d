"""Tools that trace calls see the method, the URL and the status, and add their headers."""

from __future__ import annotations

from typing import Any


def test_opentelemetry(servers: Any, tool: Any) -> None:
    tool("opentelemetry.instrumentation.urllib3")
    shown = servers.run(
        """
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
URLLib3Instrumentor().instrument(tracer_provider=provider)
one = client(HTTP)
get(one), post(one)
print(json.dumps([dict(span.attributes) for span in exporter.get_finished_spans()]))
"""
    )
    urls = [span.get("http.url") or span.get("url.full") for span in shown]
    assert urls == [servers.http.host + t for t in ("/items?page=2&text=a+b", "/items")]
    statuses = [s.get("http.status_code") or s.get("http.response.status_code") for s in shown]
    assert statuses == [200, 200]
    headers = [{n.lower() for n in asked["headers"]} for asked in servers.http.asked]
    assert all("traceparent" in names for names in headers)


def test_sentry(servers: Any, tool: Any) -> None:
    tool("sentry_sdk")
    shown = servers.run(
        """
import sentry_sdk
events = []
sentry_sdk.init(
    dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0,
    before_send_transaction=lambda event, hint: events.append(event),
)
one = client(HTTP)
with sentry_sdk.start_transaction(op="task", name="t"):
    get(one), post(one)
spans = [s for e in events for s in e["spans"] if s["op"] == "http.client"]
print(json.dumps([[s["description"], s["data"]] for s in spans], default=str))
"""
    )
    assert [text for text, _ in shown] == [
        "GET %s/items" % servers.http.host,
        "POST %s/items" % servers.http.host,
    ]
    assert "page=2&text=a+b" in shown[0][1].values()
    assert [data["http.response.status_code"] for _, data in shown] == [200, 200]
    headers = [{n.lower() for n in asked["headers"]} for asked in servers.http.asked]
    assert all("sentry-trace" in names for names in headers)


def test_elastic_apm(servers: Any, tool: Any) -> None:
    tool("elasticapm")
    shown = servers.run(
        """
import elasticapm
from elasticapm.transport.base import Transport

class Kept(Transport):
    sent = []
    def queue(self, event_type, data, flush=False):
        self.sent.append([event_type, data])
    def start_thread(self, pid=None): pass

import elasticapm.base
kept = Kept.__module__ + ".Kept"
apm = elasticapm.Client(
    service_name="t", transport_class=kept, metrics_interval="0s", central_config="false",
    cloud_provider="none",
)
elasticapm.instrument()
one = client(HTTP)
apm.begin_transaction("task")
get(one), post(one)
apm.end_transaction("t")
spans = [data for kind, data in Kept.sent if kind == "span"]
print(json.dumps([[s["name"], s["context"]["http"]] for s in spans], default=str))
apm.close()
"""
    )
    address = servers.http.host.partition("://")[2]
    assert [name for name, _ in shown] == ["GET " + address, "POST " + address]
    assert shown[0][1]["url"] == servers.http.host + "/items?page=2&text=a+b"
    headers = [{n.lower() for n in asked["headers"]} for asked in servers.http.asked]
    assert all("traceparent" in names for names in headers)
