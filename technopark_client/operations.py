"""What the API can do, a method for each operation. Written by `make client`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from technopark_client import models as m
from technopark_client.http import Http, Json, path


class Operations(Http):
    """The API's operations; every list is read page by page, as far as it is needed."""

    def create_device(self, body: m.NewDevice) -> m.CreatedDevice:
        """Add a device. Its secret is shown in this answer only."""
        return cast("m.CreatedDevice", self.post(path("devices"), body))

    def list_devices(
        self,
        *,
        q: str | None = None,
        id: Sequence[str] | None = None,
        tenant_id: str | None = None,
        park_id: str | None = None,
        lab_id: str | None = None,
        model_id: str | None = None,
        stage: str | None = None,
        tag: str | None = None,
    ) -> Iterator[m.Device]:
        """List the devices that you may see."""
        return cast(
            "Iterator[m.Device]",
            self.items(
                path("devices"),
                q=q,
                id=id,
                tenant_id=tenant_id,
                park_id=park_id,
                lab_id=lab_id,
                model_id=model_id,
                stage=stage,
                tag=tag,
            ),
        )

    def show_device(self, device_id: str) -> m.Device:
        """Show a device."""
        return cast("m.Device", self.get(path("devices", device_id)))

    def change_device(
        self, device_id: str, body: m.DeviceChanges, *, if_match: str | None = None
    ) -> m.Device:
        """Change a device."""
        return cast("m.Device", self.patch(path("devices", device_id), body, if_match))

    def retire_device(self, device_id: str) -> m.Device:
        """End a device's service: it is disconnected for good, and its readings stay."""
        return cast("m.Device", self.post(path("devices", device_id, "retire")))

    def receive_telemetry(self, device_id: str, body: Json) -> m.Accepted:
        """Take readings from a device that has no MQTT; the bearer is the device's own secret."""
        return cast("m.Accepted", self.post(path("devices", device_id, "telemetry"), body))

    def list_latest(self, device_id: str) -> Iterator[m.Latest]:
        """List the newest value of each metric."""
        return cast("Iterator[m.Latest]", self.items(path("devices", device_id, "latest")))

    def list_readings(
        self, device_id: str, *, metric: str, from_: str | None = None, to: str | None = None
    ) -> Iterator[m.Reading]:
        """List the readings of a metric, which are numbers, in the order of time."""
        return cast(
            "Iterator[m.Reading]",
            self.items(
                path("devices", device_id, "readings"),
                **{"metric": metric, "from": from_, "to": to},
            ),
        )

    def list_states(
        self, device_id: str, *, metric: str, from_: str | None = None, to: str | None = None
    ) -> Iterator[m.State]:
        """List the states of a metric, which are texts and lists, in the order of time."""
        return cast(
            "Iterator[m.State]",
            self.items(
                path("devices", device_id, "states"), **{"metric": metric, "from": from_, "to": to}
            ),
        )

    def list_latest_of_many(self, *, device_id: Sequence[str]) -> Iterator[m.LatestOfDevice]:
        """List the newest value of each metric of chosen devices."""
        return cast("Iterator[m.LatestOfDevice]", self.items(path("latest"), device_id=device_id))

    def create_park(self, body: m.NewPark) -> m.Park:
        """Add a park."""
        return cast("m.Park", self.post(path("parks"), body))

    def list_parks(
        self,
    ) -> Iterator[m.Park]:
        """List the parks."""
        return cast("Iterator[m.Park]", self.items(path("parks")))

    def show_park(self, park_id: str) -> m.Park:
        """Show a park."""
        return cast("m.Park", self.get(path("parks", park_id)))

    def change_park(
        self, park_id: str, body: m.ParkChanges, *, if_match: str | None = None
    ) -> m.Park:
        """Change a park."""
        return cast("m.Park", self.patch(path("parks", park_id), body, if_match))

    def create_lab(self, body: m.NewLab) -> m.Lab:
        """Add a lab to a park."""
        return cast("m.Lab", self.post(path("labs"), body))

    def list_labs(self, *, park_id: str | None = None) -> Iterator[m.Lab]:
        """List the labs, of one park or of all."""
        return cast("Iterator[m.Lab]", self.items(path("labs"), park_id=park_id))

    def show_lab(self, lab_id: str) -> m.Lab:
        """Show a lab."""
        return cast("m.Lab", self.get(path("labs", lab_id)))

    def change_lab(self, lab_id: str, body: m.LabChanges, *, if_match: str | None = None) -> m.Lab:
        """Change a lab."""
        return cast("m.Lab", self.patch(path("labs", lab_id), body, if_match))

    def create_tenant(self, body: m.NewTenant) -> m.Tenant:
        """Add a tenant."""
        return cast("m.Tenant", self.post(path("tenants"), body))

    def list_tenants(
        self, *, q: str | None = None, park_id: str | None = None
    ) -> Iterator[m.Tenant]:
        """List the tenants that you may see."""
        return cast("Iterator[m.Tenant]", self.items(path("tenants"), q=q, park_id=park_id))

    def show_tenant(self, tenant_id: str) -> m.Tenant:
        """Show a tenant."""
        return cast("m.Tenant", self.get(path("tenants", tenant_id)))

    def change_tenant(
        self, tenant_id: str, body: m.TenantChanges, *, if_match: str | None = None
    ) -> m.Tenant:
        """Change a tenant."""
        return cast("m.Tenant", self.patch(path("tenants", tenant_id), body, if_match))

    def create_user(self, body: m.NewUser) -> m.User:
        """Add a user, who has no role yet."""
        return cast("m.User", self.post(path("users"), body))

    def list_users(self, *, q: str | None = None, email: str | None = None) -> Iterator[m.User]:
        """List the users whom you may see: yourself and the people of tenants that you own."""
        return cast("Iterator[m.User]", self.items(path("users"), q=q, email=email))

    def show_user(self, user_id: int) -> m.User:
        """Show a user."""
        return cast("m.User", self.get(path("users", user_id)))

    def create_membership(self, user_id: int, body: m.NewMembership) -> m.Membership:
        """Give a user a role."""
        return cast("m.Membership", self.post(path("users", user_id, "memberships"), body))

    def list_memberships(self, user_id: int) -> Iterator[m.Membership]:
        """List the roles of a user that you may see, ended ones too."""
        return cast("Iterator[m.Membership]", self.items(path("users", user_id, "memberships")))

    def end_membership(self, user_id: int, membership_id: int) -> None:
        """Take a role away."""
        self.delete(path("users", user_id, "memberships", membership_id))

    def me(
        self,
    ) -> m.Me:
        """Show who you are, and your roles."""
        return cast("m.Me", self.get(path("me")))

    def create_token(self, body: m.NewToken) -> m.IssuedToken:
        """Make a token. It is shown in this answer only."""
        return cast("m.IssuedToken", self.post(path("tokens"), body))

    def list_tokens(self, *, user_id: int | None = None) -> Iterator[m.Token]:
        """List tokens that were not revoked, without the tokens themselves."""
        return cast("Iterator[m.Token]", self.items(path("tokens"), user_id=user_id))

    def revoke_token(self, token_id: int) -> None:
        """Make a token worthless, at once."""
        self.delete(path("tokens", token_id))

    def create_model(self, body: m.NewModel) -> m.Model:
        """Add a model."""
        return cast("m.Model", self.post(path("models"), body))

    def list_models(
        self, *, q: str | None = None, tenant_id: str | None = None
    ) -> Iterator[m.Model]:
        """List the platform's models and those of tenants that you may see."""
        return cast("Iterator[m.Model]", self.items(path("models"), q=q, tenant_id=tenant_id))

    def show_model(self, model_id: str) -> m.Model:
        """Show a model."""
        return cast("m.Model", self.get(path("models", model_id)))

    def change_model(
        self, model_id: str, body: m.ModelChanges, *, if_match: str | None = None
    ) -> m.Model:
        """Change a model."""
        return cast("m.Model", self.patch(path("models", model_id), body, if_match))

    def list_secrets(self, device_id: str) -> Iterator[m.Secret]:
        """List a device's secrets, without the secrets themselves."""
        return cast("Iterator[m.Secret]", self.items(path("devices", device_id, "secrets")))

    def issue_secret(self, device_id: str, body: m.NewSecret) -> m.IssuedSecret:
        """Issue a new secret; older ones end after the overlap."""
        return cast("m.IssuedSecret", self.post(path("devices", device_id, "secrets"), body))

    def revoke_secret(self, device_id: str, secret_id: int) -> None:
        """Make a secret worthless; a device that is connected with it is disconnected."""
        self.delete(path("devices", device_id, "secrets", secret_id))

    def list_rejections(
        self,
        device_id: str,
        *,
        reason: str | None = None,
        state: str | None = None,
        from_: str | None = None,
        to: str | None = None,
    ) -> Iterator[m.Rejection]:
        """List what was not stored of the device's messages, the newest first."""
        return cast(
            "Iterator[m.Rejection]",
            self.items(
                path("devices", device_id, "rejections"),
                **{"reason": reason, "state": state, "from": from_, "to": to},
            ),
        )

    def list_rejections_of_many(
        self,
        *,
        reason: str | None = None,
        state: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        tenant_id: str | None = None,
        park_id: str | None = None,
    ) -> Iterator[m.Rejection]:
        """List what was not stored of the messages of all devices that you may see, the newest first."""
        return cast(
            "Iterator[m.Rejection]",
            self.items(
                path("rejections"),
                **{
                    "reason": reason,
                    "state": state,
                    "from": from_,
                    "to": to,
                    "tenant_id": tenant_id,
                    "park_id": park_id,
                },
            ),
        )

    def summarise_rejections(
        self,
        *,
        tenant_id: str | None = None,
        park_id: str | None = None,
        from_: str | None = None,
        to: str | None = None,
    ) -> m.Summary:
        """Count the rejections of all devices that you may see by their reasons."""
        return cast(
            "m.Summary",
            self.get(
                path("rejections", "summary"),
                **{"tenant_id": tenant_id, "park_id": park_id, "from": from_, "to": to},
            ),
        )

    def replay_rejections(self, device_id: str, body: m.Replay) -> m.Replayed:
        """Send rejected messages again, the oldest first, as if they came when they first came."""
        return cast(
            "m.Replayed", self.post(path("devices", device_id, "rejections", "replay"), body)
        )
