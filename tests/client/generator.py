"""The client's two generated modules: the shapes of bodies and answers, and the operations."""

from __future__ import annotations

import json
import keyword
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

from pydantic import SecretStr

from registry.app import PREFIX, create_app
from registry.settings import Settings

PACKAGE = Path(__file__).parents[2] / "technopark_client"
MODELS, OPERATIONS = PACKAGE / "models.py", PACKAGE / "operations.py"
HEADING = '"""{}. Written by `make client`."""\n\n'
TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
CODEGEN = (
    "--input-file-type", "openapi", "--output-model-type", "typing.TypedDict",
    "--target-python-version", "3.11", "--enum-field-as-literal", "all", "--disable-timestamp",
    "--use-schema-description", "--no-use-closed-typed-dict", "--collapse-root-models",
    "--formatters", "builtin",
)  # fmt: skip

# What reading a list page by page sets itself.
PAGING = ("limit", "cursor")
# As does reading JSON.
OWN = (*PAGING, "format")

Document = Mapping[str, Any]


def document() -> dict[str, Any]:
    """The OpenAPI document of the app, which needs neither database nor broker for that."""
    none = SecretStr("none")
    settings = Settings(
        database_url=none, broker_folder=PACKAGE, registry_password=none, ingest_password=none
    )
    return create_app(settings).openapi()


def models(api: Document, folder: Path) -> str:
    """The module of the shapes."""
    source, target = folder / "openapi.json", folder / "models.py"
    schemas = {k: v for k, v in api["components"]["schemas"].items() if not is_internal(k)}
    source.write_text(json.dumps({**api, "paths": {}, "components": {"schemas": schemas}}))
    command = [sys.executable, "-W", "ignore", "-m", "datamodel_code_generator", *CODEGEN]
    subprocess.run([*command, "--input", source, "--output", target], check=True)
    _, _, code = target.read_text().partition("\n\n")
    return formatted(HEADING.format("What the API takes and answers") + code, target)


def is_internal(schema: str) -> bool:
    """Whether nobody sees it: the client reads pages, and FastAPI's own errors are replaced."""
    return schema.startswith("Page_") or schema.endswith("ValidationError")


def operations(api: Document, folder: Path) -> str:
    """The module of the methods."""
    methods = "\n".join(method(api, *each) for each in described(api))
    code = (
        HEADING.format("What the API can do, a method for each operation")
        + "from __future__ import annotations\n\n"
        "from collections.abc import Iterator, Sequence\nfrom typing import cast\n\n"
        "from technopark_client import models as m\n"
        "from technopark_client.http import Http, Json, path\n\n\n"
        'class Operations(Http):\n    """The API\'s operations; every list is read page by page, '
        'as far as it is needed."""\n\n' + indent(methods, "    ")
    )
    return formatted(code, folder / "operations.py")


def formatted(code: str, file: Path) -> str:
    """The code as the project writes code."""
    file.write_text(code)
    config = ["--config", str(PACKAGE.parent / "pyproject.toml"), "--quiet"]
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--fix-only", *config, file], check=True)
    subprocess.run([*ruff, "format", *config, file], check=True)
    return file.read_text()


def described(api: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path below the prefix, method and description of each operation that speaks JSON."""
    for path, methods in api["paths"].items():
        if path.startswith(PREFIX):
            for name, operation in methods.items():
                if not is_file(operation):
                    yield path.removeprefix(PREFIX + "/"), name, operation


def is_file(operation: Document) -> bool:
    """Whether the answer is only a file or events, which ``stream`` and ``events`` read."""
    return any(
        answer.get("content") and "schema" not in answer["content"].get("application/json", {})
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    )


def method(api: Document, path: str, verb: str, operation: Document) -> str:
    """The source of one method."""
    parameters = operation.get("parameters", [])
    arguments = [
        f"{each['name']}: {kind(each['schema'])}"
        for each in sorted(placed(parameters, "path"), key=lambda each: path.index(each["name"]))
    ]
    body = body_kind(operation)
    if body:
        arguments.append(f"body: {body}")
    answer, listed = answer_kind(api, operation)
    if queries := [each for each in placed(parameters, "query") if each["name"] not in OWN]:
        arguments += ["*", *map(option, queries)]
    if conditional := [each for each in parameters if each["name"] == "If-Match"]:
        arguments += ["*", "if_match: str | None = None"]
    call = call_of(path, verb, bool(body), queries, listed, bool(conditional))
    text = operation["description"].partition("\n\n")[0].replace("\n", " ")
    result = f"return cast({answer!r}, {call})" if answer != "None" else call
    return (
        f"def {operation['operationId']}(self, {', '.join(arguments)}) -> {answer}:\n"
        f'    """{text}"""\n    {result}\n'
    )


def call_of(
    path: str, verb: str, body: bool, queries: list[Any], listed: bool, conditional: bool
) -> str:
    """The call of ``Http`` that a method makes."""
    parts = [part[1:-1] if part.startswith("{") else f'"{part}"' for part in path.split("/")]
    sent = [f"path({', '.join(parts)})"]
    if body:
        sent.append("body")
    if conditional:
        sent.append("if_match")
    if queries:
        named = ", ".join(f'"{each["name"]}": {argument(each["name"])}' for each in queries)
        sent.append(f"**{{{named}}}")
    return f"self.{'items' if listed else verb}({', '.join(sent)})"


def placed(parameters: list[Any], place: str) -> list[Any]:
    """The parameters of a place."""
    return [each for each in parameters if each["in"] == place]


def option(parameter: Document) -> str:
    """A query parameter as an argument."""
    name, schema = argument(parameter["name"]), parameter["schema"]
    if parameter["required"]:
        return f"{name}: {kind(schema)}"
    return f"{name}: {kind(schema).removesuffix(' | None')} | None = None"


def argument(name: str) -> str:
    """The name, where Python lets it be one."""
    return f"{name}_" if keyword.iskeyword(name) else name


def kind(schema: Document) -> str:
    """The Python type of a parameter."""
    if "anyOf" in schema:
        return kind(schema["anyOf"][0]) + " | None"
    if schema.get("type") == "array":
        return f"Sequence[{kind(schema['items'])}]"
    return TYPES.get(schema.get("type", "string"), "str")


def body_kind(operation: Document) -> str | None:
    """The type of the body; None where there is none."""
    if "requestBody" not in operation:
        return None
    return named(operation["requestBody"]["content"]["application/json"]["schema"])


def answer_kind(api: Document, operation: Document) -> tuple[str, bool]:
    """The type of the answer, and whether it comes in pages."""
    [status] = [code for code in operation["responses"] if code.startswith("2")]
    content = operation["responses"][status].get("content")
    if content is None:
        return "None", False
    schema = content["application/json"]["schema"]
    name = schema.get("$ref", "").rpartition("/")[2]
    if name.startswith("Page_"):
        page = api["components"]["schemas"][name]
        return f"Iterator[{named(page['properties']['items']['items'])}]", True
    return named(schema), False


def named(schema: Document) -> str:
    """The type of a schema that has a name; else any JSON."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return f"m.{name}" if name else "Json"
