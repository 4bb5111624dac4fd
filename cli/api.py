"""The client of every command that speaks to the platform."""

from technopark_client import ApiError, Json, Parameter, path
from technopark_client import Client as Api

__all__ = ["Api", "ApiError", "Json", "Parameter", "path"]
