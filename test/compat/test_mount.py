"""``ultracart.official.mount``: both versions of the official SDK under the names of its users."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from ultracart import ConfigurationError, official
from ultracart.sandbox import Sandbox

from .official_environment import MOUNTED, folder, require

DIRECTORY = require()
DOCS = pathlib.Path(__file__).parents[2] / "docs"
_BEGIN = """
import os, sys
import ultracart
from ultracart.sandbox import Sandbox

def mount():
    return ultracart.official.mount(sys.argv[1])

def loaded():
    folder = os.path.join(sys.argv[1], "")
    files = {name: getattr(module, "__file__", "") for name, module in sys.modules.items()}
    return {name for name, file in files.items() if str(file).startswith(folder)}
"""


def run(version: str, program: str) -> str:
    """What a program prints that is given the folder of one version; it runs in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _BEGIN + program, str(folder(DIRECTORY, version))],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


versions = pytest.mark.parametrize("version", MOUNTED)


@versions
def test_every_name_gives_the_same_class(version: str) -> None:
    run(
        version,
        """
mount()
import ultracart.api.item_api, ultracart.model.item, ultracart.models.item
from ultracart.api import ItemApi
from ultracart.apis import ItemApi as same
assert ItemApi is same is ultracart.ItemApi is ultracart.api.item_api.ItemApi
from ultracart.models import Item
assert Item is ultracart.Item is ultracart.model.item.Item is ultracart.models.item.Item
assert sys.modules["ultracart.model.item"] is sys.modules["ultracart.models.item"]
assert {"ItemApi", "Item"} <= set(dir(ultracart))
assert "ItemApi" in dir(ultracart.apis) and "Item" in dir(ultracart.models)
from ultracart import ApiClient, OauthApi, OauthTokenResponse
assert OauthApi.__module__ == "ultracart.api.oauth_api" == ultracart.apis.OauthApi.__module__
assert hasattr(OauthApi, "oauth_me_with_http_info")
assert ultracart.models.OauthTokenResponse is OauthTokenResponse
import pickle
assert pickle.loads(pickle.dumps(Item)) is Item
""",
    )


@versions
def test_nothing_is_loaded_before_it_is_named(version: str) -> None:
    run(
        version,
        """
mount()
assert loaded() == set()
from ultracart.models import Weight
import ultracart.model.weight, ultracart.models.weight
names = {name.rpartition(".")[2] for name in loaded()}
assert names in ({"weight"}, {"weight", "model_utils"}), names
""",
    )


@versions
def test_unmount_takes_everything_back(version: str) -> None:
    run(
        version,
        """
import ultracart.api, ultracart.apis, ultracart.model.error, ultracart.model.error_response
from ultracart import api, api_client, apis, model, models
modules = [ultracart, api, api_client, apis, model, models]
theirs = {"Endpoint", "Item", "ItemApi", "item", "item_api", "model_utils"}
own = ultracart.model.error
for _ in range(2):
    mounted = mount()
    from ultracart.apis import ItemApi
    from ultracart.models import Item, Error
    import ultracart.model.item
    ultracart.official.unmount()
    for module in modules:
        assert not theirs.intersection({*vars(module), *dir(module)}), module
        assert not any(hasattr(module, name) for name in theirs), module
    assert loaded() == set()
    assert ultracart.model.error is own is sys.modules["ultracart.model.error"]
    finders = [type(finder).__module__ for finder in sys.meta_path]
    assert not [name for name in finders if name.startswith("ultracart")]
    try:
        import ultracart.api.item_api
    except ModuleNotFoundError:
        pass
    assert not hasattr(ultracart, "Item")
ultracart.official.unmount()
with mount() as mounted:
    assert ultracart.ItemApi and mounted.version in repr(mounted)
with mount():
    ultracart.official.unmount()
assert not hasattr(ultracart, "ItemApi")
assert ultracart.OauthApi
""",
    )


@versions
def test_calls_go_through_this_client(version: str, tmp_path: pathlib.Path) -> None:
    """With a session's token, its errors, in the background, and with files."""
    run(
        version,
        """
import json
from ultracart import ApiException, Configuration, NotFoundException
from ultracart.oauth import OAuthSession
mount()
from ultracart.apis import CouponApi, IntegrationLogApi, ItemApi
from ultracart.models import Coupon

with Sandbox() as sandbox:
    configuration = Configuration()
    configuration.host = sandbox.host
    session = OAuthSession(sandbox.client_id, sandbox.redirect_uri, configuration=configuration)
    request = session.create_authorization_url()
    session.fetch_token(authorization_response=sandbox.authorize(request.url), request=request)
    client = session.api_client()
    sandbox.answer("GET", "/item/items/7", {"item": {"pricing": {"cost": 9}}, "success": True})
    answer = ItemApi(client).get_item(7, expand="pricing")
    assert answer.success and answer.item.pricing.cost == 9
    assert type(answer.item).__module__ in ("ultracart.model.item", "ultracart.models.item")
    assert ItemApi(client).get_item(7, async_req=True).get(10).success
    first = sandbox.requests[-1]
    assert first.headers["Authorization"] == "Bearer " + session.access_token()
    session.invalidate("default", session.access_token())
    assert ItemApi(client).get_item(7).success  # refreshed
    try:
        ItemApi(client).get_item(8)
        raise AssertionError
    except NotFoundException as error:
        assert isinstance(error, ApiException) and error.status == 404
    sandbox.answer("POST", "/coupon/coupons", {"coupon": {"merchant_code": "A"}})
    made = CouponApi(client).insert_coupon(Coupon(merchant_code="A"), expand=None)
    assert made.coupon.merchant_code == "A"
    # Short calls send and return their models too.
    from ultracart.models import Item, ItemResponse, ItemPricing
    item = Item(merchant_item_id="A", pricing=ItemPricing(cost=9.5))
    echoed = {"item": {"merchant_item_id": "A", "pricing": {"cost": 9.5}}}
    sandbox.answer("POST", "/item/items", echoed)
    made = client.post("/item/items", json=item, response_type=ItemResponse)
    assert type(made) is ItemResponse and made.item.pricing.cost == 9.5
    assert json.loads(sandbox.requests[-1].body) == echoed["item"]
    named = client.post("/item/items", json={"items": [item]}, response_type="ItemResponse")
    assert type(named) is ItemResponse
    assert json.loads(sandbox.requests[-1].body) == {"items": [echoed["item"]]}
    # An error in the body, as UltraCart puts it, is an object of the official SDK's.
    sandbox.answer("GET", "/item/items/9", {"error": {"developer_message": "no"}, "success": False})
    assert ItemApi(client).get_item(9).error.developer_message == "no"
    assert ItemApi.fromApiKey("key").api_client.configuration.api_key
""",
    )


def test_reading_of_version4(tmp_path: pathlib.Path) -> None:
    run(
        "4.1.208",
        """
import io
from ultracart import ApiAttributeError, ApiClient, ApiException, ApiResponseError
from ultracart import ApiTypeError, ApiValueError, Configuration
mount()
from ultracart.apis import ItemApi
from ultracart.model.item import Item
with Sandbox() as sandbox:
    configuration = Configuration()
    configuration.host = sandbox.host
    TOKEN = configuration.access_token = "access_token_example"
    client = ApiClient(configuration)
    api = ItemApi(client)
    def get(answer, **options):
        sandbox.answer("GET", "/item/items/7", answer)
        return api.get_item(7, **options)
    def refused(kind, call):
        try:
            call()
        except kind as error:
            return error
        raise AssertionError("not refused")
    error = refused(ApiResponseError, lambda: get({"item": {"pricing": {"cost": "dear"}}}))
    assert "['item']['pricing']['cost']" in str(error), error
    assert "dear" not in str(error) and "dear" in error.body
    assert isinstance(error, ApiException)
    assert get({"item": {"pricing": {"cost": "dear"}}}, _check_return_type=False)
    refused(ApiResponseError, lambda: get(None))
    refused(ApiTypeError, lambda: api.get_item("seven"))
    refused(ApiTypeError, lambda: api.get_item(None))
    refused(ApiTypeError, lambda: api.get_item(7, nonsense=1))
    refused(ApiValueError, lambda: api.get_item(7, _host_index=1))
    assert get({"success": True}, _host_index=0).success
    assert get({"success": True}, expand=None).success
    data, status, headers = get({"success": True}, _return_http_data_only=False)
    assert (data.success, status, headers["content-type"]) == (True, 200, "application/json")
    raw = get({"success": True}, _preload_content=False)
    assert raw.status == 200 and b"success" in raw.read()
    error = refused(ApiTypeError, lambda: Item(merchant_item_id=5))
    assert error.path_to_item == ["merchant_item_id"] and str in error.valid_classes
    assert error.key_type is False
    refused(ApiAttributeError, lambda: Item().merchant_item_id)
    # Credentials of one call, in place of the configured ones.
    get({"success": True}, _request_auths=[
        {"type": "oauth2", "in": "header", "key": "Authorization", "value": "Bearer " + TOKEN},
        {"type": "api_key", "in": "query", "key": "q", "value": "v"},
        {"type": "api_key", "in": "cookie", "key": "c", "value": "w"}])
    sent = sandbox.requests[-1]
    assert sent.headers["Authorization"] == "Bearer " + TOKEN and sent.headers["Cookie"] == "c=w"
    assert sent.query["q"] == "v"
    refused(ApiValueError, lambda: get({}, _request_auths=[{"in": "body", "key": "", "value": ""}]))
    # Open files go up, and files come down as open files.
    file = io.BytesIO(b"pixels"); file.name = "a.png"
    sandbox.answer("POST", "/item/temp_multimedia", {"success": True})
    api.upload_temporary_multimedia(file)
    assert b"pixels" in sandbox.requests[-1].body and b"a.png" in sandbox.requests[-1].body
    refused(ApiValueError, lambda: api.upload_temporary_multimedia(file))  # closed by now
    api.upload_temporary_multimedia(io.BytesIO(b"in memory"))  # without a name
    assert b'filename="file"' in sandbox.requests[-1].body
    assert b"in memory" in sandbox.requests[-1].body
""",
    )


def test_mounting_twice_is_refused() -> None:
    run(
        MOUNTED[0],
        """
mount()
try:
    mount()
except ultracart.ConfigurationError as error:
    assert "mounted already" in str(error) and "unmount" in str(error), error
else:
    raise AssertionError
assert ultracart.ItemApi
""",
    )


@pytest.fixture(params=MOUNTED)
def copied(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> pathlib.Path:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(folder(DIRECTORY, request.param), tmp_path / "official", ignore=ignored)
    return tmp_path / "official"


def refused(path: pathlib.Path | str) -> str:
    path_before = list(sys.meta_path)
    with pytest.raises(ConfigurationError) as caught:
        official.mount(path)
    assert sys.meta_path == path_before
    return str(caught.value)


def test_a_folder_of_another_version(copied: pathlib.Path) -> None:
    file = copied / "ultracart" / "api_client.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("3.11.67", "3.10.9").replace("4.1.208", "5.0.0"), encoding="utf-8")
    message = refused(copied)
    assert "3.10.9" in message or "5.0.0" in message
    assert "3.11.67" in message
    assert "4.1.208" in message


@pytest.mark.parametrize("missing", ["api/item_api.py", "item.py", "api_client.py", "list"])
def test_a_folder_that_is_not_complete(copied: pathlib.Path, missing: str) -> None:
    package = copied / "ultracart"
    is_version4 = (package / "model").exists()
    path = {
        "item.py": package / ("model" if is_version4 else "models") / "item.py",
        "list": package / ("models/__init__.py" if is_version4 else "__init__.py"),
    }.get(missing, package / missing)
    os.unlink(path)
    message = refused(copied)
    assert str(path) in message
    assert "pip install" in message


def test_a_folder_without_lists_or_classes(copied: pathlib.Path) -> None:
    package = copied / "ultracart"
    for path in (package / "__init__.py", *package.glob("*/__init__.py")):
        path.write_text("", encoding="utf-8")
    assert "no classes" in refused(copied)


def test_a_folder_without_models(copied: pathlib.Path) -> None:
    shutil.rmtree(copied / "ultracart" / "api")
    assert "is missing" in refused(copied)


def test_other_folders(tmp_path: pathlib.Path) -> None:
    assert "pip install" in refused(tmp_path / "none")
    assert "pip install" in refused(tmp_path)
    here = pathlib.Path(official.__file__).parents[2]
    assert "another package" in refused(here)
    with pytest.raises(TypeError, match="folder"):
        official.mount(7)  # type: ignore[arg-type]
    official.unmount()  # nothing is mounted, and nothing happens


# -- documentation ----------------------------------------------------------------------------

PAGES = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
PROGRAMS = [
    pytest.param(block, id="%s-%d" % (page.stem, number))
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
    if "official.mount(" in block
]


@pytest.fixture(params=MOUNTED)
def project(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with the official SDK in ``official``, as the pages say."""
    (tmp_path / "official").symlink_to(folder(DIRECTORY, request.param))
    return tmp_path


def test_pages_have_programs() -> None:
    assert len(PROGRAMS) == 3


@pytest.mark.parametrize("program", PROGRAMS)
def test_documented_program(project: pathlib.Path, program: str) -> None:
    with Sandbox() as sandbox:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            cwd=project,
            env={**os.environ, "ULTRACART_HOST": sandbox.host},
            timeout=100,
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_stub(project: pathlib.Path) -> None:
    """It is valid, and a module of the user's own gives what it declares."""
    program = """
import ast, pathlib, ultracart
ultracart.official.mount("official").write_stub("official_sdk.pyi")
tree = ast.parse(pathlib.Path("official_sdk.pyi").read_text(encoding="utf-8"))
classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
assert {"Item", "ItemApi", "ItemsResponse"} <= set(classes) and "OauthApi" not in classes
assert len(classes) > 900
import official_sdk
for name, node in classes.items():
    found = getattr(official_sdk, name)
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and name.endswith("Api"):
            assert hasattr(found, member.name) or hasattr(found(), member.name), (name, member.name)
from official_sdk import Item, ItemApi
assert Item is ultracart.models.Item and ItemApi is ultracart.apis.ItemApi
"""
    (block,) = [p.values[0] for p in PROGRAMS if "def __getattr__" in str(p.values[0])]
    assert isinstance(block, str)
    module = block.replace('mount("official")', "Mount  # mounted already")
    (project / "official_sdk.py").write_text(module, encoding="utf-8")
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


PROGRAM = """
import official_sdk
from official_sdk import Item, ItemApi

def names(api: ItemApi) -> list[str | None]:
    response = api.get_items(limit=10, expand="pricing")
    return [item.merchant_item_id for item in response.items or []]

def misspelt(api: ItemApi) -> None:
    api.get_itms()  # type: ignore[attr-defined]
    Item(merchant_item="SHIRT")  # type: ignore[call-arg]
    print(api.get_items().itms)  # type: ignore[attr-defined]
    number: int = api.get_item(7).item  # type: ignore[assignment]
"""


def test_type_checkers_know_what_is_mounted(project: pathlib.Path) -> None:
    pytest.importorskip("mypy", reason="tox -e compat installs it")
    stub = 'import ultracart\nultracart.official.mount("official").write_stub("official_sdk.pyi")'
    subprocess.run([sys.executable, "-c", stub], check=True, cwd=project, timeout=100)
    (project / "official_sdk.py").write_text("", encoding="utf-8")
    (project / "program.py").write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "program.py"],
        capture_output=True,
        text=True,
        cwd=project,
        env={**os.environ, "MYPYPATH": str(DOCS.parent)},
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
