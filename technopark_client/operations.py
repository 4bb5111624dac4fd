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
        """List the newest value of each metric, of those that you may see."""
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

    def list_latest_of_many(
        self,
        *,
        device_id: Sequence[str] | None = None,
        tenant_id: str | None = None,
        park_id: str | None = None,
        lab_id: str | None = None,
        model_id: str | None = None,
        tag: str | None = None,
        metric: Sequence[str] | None = None,
    ) -> Iterator[m.LatestOfDevice]:
        """List the newest value of each metric of devices: chosen ones, or all of a tenant or a place."""
        return cast(
            "Iterator[m.LatestOfDevice]",
            self.items(
                path("latest"),
                device_id=device_id,
                tenant_id=tenant_id,
                park_id=park_id,
                lab_id=lab_id,
                model_id=model_id,
                tag=tag,
                metric=metric,
            ),
        )

    def show_history(
        self,
        *,
        device_id: Sequence[str] | None = None,
        tenant_id: str | None = None,
        park_id: str | None = None,
        lab_id: str | None = None,
        model_id: str | None = None,
        tag: str | None = None,
        metric: Sequence[str],
        from_: str | None = None,
        to: str | None = None,
        by: str | None = None,
        time_zone: str | None = None,
        aggregate: Sequence[str] | None = None,
        fill: str | None = None,
        points: int | None = None,
        times: str | None = None,
    ) -> m.History:
        """Read the past of one or many series: readings, buckets of time, or a chart."""
        return cast(
            "m.History",
            self.get(
                path("history"),
                **{
                    "device_id": device_id,
                    "tenant_id": tenant_id,
                    "park_id": park_id,
                    "lab_id": lab_id,
                    "model_id": model_id,
                    "tag": tag,
                    "metric": metric,
                    "from": from_,
                    "to": to,
                    "by": by,
                    "time_zone": time_zone,
                    "aggregate": aggregate,
                    "fill": fill,
                    "points": points,
                    "times": times,
                },
            ),
        )

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
        """Add a tenant, with a role and a schema for SQL; see `sql-password`."""
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

    def delete_user(self, user_id: int, *, if_match: str | None = None) -> None:
        """Delete a user with all that is personal: roles, tokens, sessions, and what the log tells of."""
        self.delete(path("users", user_id), if_match)

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

    def send_command(self, device_id: str, body: m.NewCommand) -> m.Command:
        """Send a command to a device; ask for it again by its id to learn what became of it."""
        return cast("m.Command", self.post(path("devices", device_id, "commands"), body))

    def list_commands(self, device_id: str) -> Iterator[m.Command]:
        """List the commands that were sent to the device while it was yours, the newest first."""
        return cast("Iterator[m.Command]", self.items(path("devices", device_id, "commands")))

    def show_command(self, device_id: str, command_id: str) -> m.Command:
        """Show a command, and what became of it."""
        return cast("m.Command", self.get(path("devices", device_id, "commands", command_id)))

    def list_rejections(
        self,
        device_id: str,
        *,
        reason: str | None = None,
        state: str | None = None,
        from_: str | None = None,
        to: str | None = None,
    ) -> Iterator[m.Rejection]:
        """List what was not stored of the device's messages while it was yours, the newest first."""
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
        """List what was not stored of all devices' messages while they were yours, the newest first."""
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
        """Count the rejections of all devices, while they were yours, by their reasons."""
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

    def list_audit(
        self,
        *,
        tenant_id: str | None = None,
        park_id: str | None = None,
        kind: str | None = None,
        subject: str | None = None,
        user_id: int | None = None,
        from_: str | None = None,
        to: str | None = None,
    ) -> Iterator[m.Entry]:
        """List who changed what, the newest first: what concerns you, and what you did yourself."""
        return cast(
            "Iterator[m.Entry]",
            self.items(
                path("audit"),
                **{
                    "tenant_id": tenant_id,
                    "park_id": park_id,
                    "kind": kind,
                    "subject": subject,
                    "user_id": user_id,
                    "from": from_,
                    "to": to,
                },
            ),
        )

    def show_device_history(self, device_id: str) -> Iterator[m.Change]:
        """List what became of a device: its name, stage, model, lab, tenant, firmware and the rest."""
        return cast("Iterator[m.Change]", self.items(path("devices", device_id, "history")))

    def show_model_history(self, model_id: str) -> Iterator[m.Change]:
        """List what became of a model and its metrics."""
        return cast("Iterator[m.Change]", self.items(path("models", model_id, "history")))

    def show_tenant_history(self, tenant_id: str) -> Iterator[m.Change]:
        """List what became of a tenant."""
        return cast("Iterator[m.Change]", self.items(path("tenants", tenant_id, "history")))

    def show_park_history(self, park_id: str) -> Iterator[m.Change]:
        """List what became of a park."""
        return cast("Iterator[m.Change]", self.items(path("parks", park_id, "history")))

    def show_lab_history(self, lab_id: str) -> Iterator[m.Change]:
        """List what became of a lab."""
        return cast("Iterator[m.Change]", self.items(path("labs", lab_id, "history")))

    def issue_claim_code(self, device_id: str, body: m.NewCode) -> m.IssuedCode:
        """Make a code with which another tenant takes the device over, once."""
        return cast("m.IssuedCode", self.post(path("devices", device_id, "claim-code"), body))

    def withdraw_claim_code(self, device_id: str) -> None:
        """Make the device's code worthless."""
        self.delete(path("devices", device_id, "claim-code"))

    def claim_device(self, body: m.Claim) -> m.CreatedDevice:
        """Take a device over by its code. Its secret is a new one, shown in this answer only."""
        return cast("m.CreatedDevice", self.post(path("claims"), body))

    def provision_device(self, body: m.Introduction) -> m.ProvisionedDevice:
        """Let a device make its own entry; the bearer is the provisioning key."""
        return cast("m.ProvisionedDevice", self.post(path("provision"), body))

    def create_provisioning_key(self, tenant_id: str, body: m.NewKey) -> m.IssuedKey:
        """Make a key. It is shown in this answer only."""
        return cast("m.IssuedKey", self.post(path("tenants", tenant_id, "provisioning-keys"), body))

    def list_provisioning_keys(self, tenant_id: str) -> Iterator[m.Key]:
        """List a tenant's keys and how many devices each has made, without the keys themselves."""
        return cast("Iterator[m.Key]", self.items(path("tenants", tenant_id, "provisioning-keys")))

    def revoke_provisioning_key(self, tenant_id: str, key_id: int) -> None:
        """Make a key worthless; the devices that it made stay."""
        self.delete(path("tenants", tenant_id, "provisioning-keys", key_id))

    def list_holdings(self, tenant_id: str, *, device_id: str | None = None) -> Iterator[m.Holding]:
        """List which times of which devices are the tenant's: owned, or booked."""
        return cast(
            "Iterator[m.Holding]",
            self.items(path("tenants", tenant_id, "holdings"), device_id=device_id),
        )

    def list_bookable_devices(self, lab_id: str) -> Iterator[m.BookableDevice]:
        """List the devices of a testbed that can be booked."""
        return cast("Iterator[m.BookableDevice]", self.items(path("labs", lab_id, "bookable")))

    def create_booking(self, body: m.NewBooking) -> m.Booking:
        """Book a device of a testbed: what it sends in the slot is the tenant's."""
        return cast("m.Booking", self.post(path("bookings"), body))

    def list_bookings(
        self,
        *,
        lab_id: str | None = None,
        device_id: str | None = None,
        tenant_id: str | None = None,
        from_: str | None = None,
        to: str | None = None,
    ) -> Iterator[m.Booking]:
        """List slots in the order of time: those that run or come, or those since `from`."""
        return cast(
            "Iterator[m.Booking]",
            self.items(
                path("bookings"),
                **{
                    "lab_id": lab_id,
                    "device_id": device_id,
                    "tenant_id": tenant_id,
                    "from": from_,
                    "to": to,
                },
            ),
        )

    def cancel_booking(self, booking_id: int) -> None:
        """Cancel a slot; one that runs ends now, and keeps what was measured in it."""
        self.delete(path("bookings", booking_id))

    def offer_transfer(self, body: m.NewTransfer) -> m.Transfer:
        """Offer devices to another tenant."""
        return cast("m.Transfer", self.post(path("transfers"), body))

    def list_transfers(
        self, *, tenant_id: str | None = None, state: str | None = None
    ) -> Iterator[m.Transfer]:
        """List the offers from and to your tenants."""
        return cast(
            "Iterator[m.Transfer]", self.items(path("transfers"), tenant_id=tenant_id, state=state)
        )

    def show_transfer(self, transfer_id: int) -> m.Transfer:
        """Show an offer."""
        return cast("m.Transfer", self.get(path("transfers", transfer_id)))

    def accept_transfer(self, transfer_id: int) -> m.AcceptedTransfer:
        """Take the devices: they are yours from now on, each with a new secret, shown only here."""
        return cast("m.AcceptedTransfer", self.post(path("transfers", transfer_id, "accept")))

    def refuse_transfer(self, transfer_id: int) -> m.Transfer:
        """Refuse the devices: nothing changes for them."""
        return cast("m.Transfer", self.post(path("transfers", transfer_id, "refuse")))

    def withdraw_transfer(self, transfer_id: int) -> m.Transfer:
        """Take an offer back."""
        return cast("m.Transfer", self.post(path("transfers", transfer_id, "withdraw")))

    def request_deletion(self, tenant_id: str, body: m.Confirmation) -> m.Deletion:
        """Ask for the tenant to be deleted with all its data; an administrator carries it out."""
        return cast("m.Deletion", self.post(path("tenants", tenant_id, "deletion"), body))

    def show_deletion(self, tenant_id: str) -> m.Deletion:
        """Show whether the tenant is to be deleted, and how far that is."""
        return cast("m.Deletion", self.get(path("tenants", tenant_id, "deletion")))

    def withdraw_deletion(self, tenant_id: str, *, if_match: str | None = None) -> None:
        """Keep the tenant after all, as long as its deletion has not begun."""
        self.delete(path("tenants", tenant_id, "deletion"), if_match)

    def continue_deletion(self, tenant_id: str) -> m.Step:
        """Delete a part of the tenant's data; call it again until it is done."""
        return cast("m.Step", self.post(path("tenants", tenant_id, "deletion", "step")))

    def create_session(self, body: m.Credentials) -> m.Session:
        """Sign in at the console: the answer sets a cookie, which is the session."""
        return cast("m.Session", self.post(path("sessions"), body))

    def list_sessions(
        self,
    ) -> Iterator[m.Session]:
        """List where you are signed in."""
        return cast("Iterator[m.Session]", self.items(path("sessions")))

    def end_all_sessions(
        self,
    ) -> None:
        """Sign out everywhere, here too."""
        self.delete(path("sessions"))

    def end_session(self, session_id: int) -> None:
        """Sign out in one place."""
        self.delete(path("sessions", session_id))

    def set_own_password(self, body: m.OwnPassword) -> None:
        """Set your password. Your other sessions end, tokens stay."""
        self.put(path("me", "password"), body)

    def show_authenticator(
        self,
    ) -> m.Authenticator:
        """Show whether you have an authenticator app."""
        return cast("m.Authenticator", self.get(path("me", "authenticator")))

    def enrol_authenticator(self, body: m.OwnProof) -> m.Enrolment:
        """Enrol an authenticator app. Sign-in asks for its codes when you have confirmed one."""
        return cast("m.Enrolment", self.post(path("me", "authenticator"), body))

    def confirm_authenticator(self, body: m.FirstCode) -> m.RecoveryCodes:
        """Confirm the app with a code, and get recovery codes. From now on sign-in asks for codes."""
        return cast("m.RecoveryCodes", self.post(path("me", "authenticator", "confirm"), body))

    def remove_authenticator(self, body: m.Removal) -> None:
        """Remove the app and its recovery codes: the password alone signs in again."""
        self.post(path("me", "authenticator", "remove"), body)

    def reset_authenticator(self, user_id: int) -> None:
        """Remove the app of somebody who has lost it and the recovery codes."""
        self.delete(path("users", user_id, "authenticator"))

    def invite(self, body: m.NewInvitation) -> m.IssuedInvitation:
        """Invite somebody. The link is shown in this answer only; it is good once, for 7 days."""
        return cast("m.IssuedInvitation", self.post(path("invitations"), body))

    def list_invitations(
        self,
    ) -> Iterator[m.Invitation]:
        """List the invitations that wait: yours, and those to tenants that you own."""
        return cast("Iterator[m.Invitation]", self.items(path("invitations")))

    def withdraw_invitation(self, invitation_id: int) -> None:
        """Withdraw an invitation: its link is worthless."""
        self.delete(path("invitations", invitation_id))

    def join_by_invitation(self, body: m.Joining) -> m.Membership:
        """Accept an invitation as the user who you are already."""
        return cast("m.Membership", self.post(path("invitations", "join"), body))

    def create_password_reset(self, user_id: int) -> m.IssuedReset:
        """Make a link by which a user sets a password; the link made before is worthless."""
        return cast("m.IssuedReset", self.post(path("users", user_id, "password-reset")))

    def offer_agreement(self, body: m.NewAgreement) -> m.Agreement:
        """Offer to let others read devices of a tenant that you own."""
        return cast("m.Agreement", self.post(path("agreements"), body))

    def list_agreements(
        self,
        *,
        tenant_id: str | None = None,
        reader_tenant_id: str | None = None,
        reader_park_id: str | None = None,
        state: str | None = None,
    ) -> Iterator[m.Agreement]:
        """List the agreements of your tenants and parks, on either side, and those offered to you."""
        return cast(
            "Iterator[m.Agreement]",
            self.items(
                path("agreements"),
                tenant_id=tenant_id,
                reader_tenant_id=reader_tenant_id,
                reader_park_id=reader_park_id,
                state=state,
            ),
        )

    def show_agreement(self, agreement_id: int) -> m.Agreement:
        """Show an agreement."""
        return cast("m.Agreement", self.get(path("agreements", agreement_id)))

    def change_agreement(
        self, agreement_id: int, body: m.AgreementChanges, *, if_match: str | None = None
    ) -> m.Agreement:
        """Change an offer. What was accepted stays as it is: revoke it and offer another."""
        return cast("m.Agreement", self.patch(path("agreements", agreement_id), body, if_match))

    def accept_agreement(self, agreement_id: int) -> m.Agreement:
        """Accept an offer."""
        return cast("m.Agreement", self.post(path("agreements", agreement_id, "accept")))

    def refuse_agreement(self, agreement_id: int) -> m.Agreement:
        """Refuse an offer."""
        return cast("m.Agreement", self.post(path("agreements", agreement_id, "refuse")))

    def withdraw_agreement(self, agreement_id: int) -> m.Agreement:
        """Take an offer back that was not accepted yet."""
        return cast("m.Agreement", self.post(path("agreements", agreement_id, "withdraw")))

    def revoke_agreement(self, agreement_id: int) -> m.Agreement:
        """End an agreement that was accepted, at once."""
        return cast("m.Agreement", self.post(path("agreements", agreement_id, "revoke")))

    def list_notices(
        self,
    ) -> Iterator[m.Notice]:
        """List the warnings before the ends of your agreements, the newest first."""
        return cast("Iterator[m.Notice]", self.items(path("notices")))

    def set_sql_password(self, tenant_id: str) -> m.SqlAccess:
        """Let the tenant's programs read with SQL by a new password. The one before ends."""
        return cast("m.SqlAccess", self.post(path("tenants", tenant_id, "sql-password")))

    def lock_sql(self, tenant_id: str) -> None:
        """Let nobody of the tenant read with SQL any more, and end the sessions."""
        self.delete(path("tenants", tenant_id, "sql-password"))

    def list_retention(
        self,
    ) -> Iterator[m.Retention]:
        """List how long data are kept: what the platform sets, and what your tenants set."""
        return cast("Iterator[m.Retention]", self.items(path("retention")))

    def set_retention(self, body: m.NewRetention) -> m.Retention:
        """Set how many days data are kept. What is older goes soon, and nothing brings it back."""
        return cast("m.Retention", self.post(path("retention"), body))

    def try_retention(self, body: m.RetentionDryRun) -> m.RetentionPlan:
        """Tell what would go now, or if ``days`` were set; nothing is changed."""
        return cast("m.RetentionPlan", self.post(path("retention", "dry-run"), body))

    def continue_retention(
        self,
    ) -> m.RetentionStep:
        """Let go a part of what may go; call it again until it is done."""
        return cast("m.RetentionStep", self.post(path("retention", "step")))

    def show_retention(self, device_id: str) -> m.DeviceRetention:
        """Show how long the device's data are kept, and from when on there are any."""
        return cast("m.DeviceRetention", self.get(path("devices", device_id, "retention")))

    def show_quality(
        self,
        device_id: str,
        *,
        from_: str | None = None,
        to: str | None = None,
        metric: Sequence[str] | None = None,
    ) -> m.DeviceQuality:
        """Show the data quality of a device: what was to come and what came, gaps, delays, uptime."""
        return cast(
            "m.DeviceQuality",
            self.get(
                path("devices", device_id, "quality"), **{"from": from_, "to": to, "metric": metric}
            ),
        )

    def report_quality(
        self,
        *,
        from_: str | None = None,
        to: str | None = None,
        tenant_id: str | None = None,
        park_id: str | None = None,
        lab_id: str | None = None,
        model_id: str | None = None,
    ) -> m.QualityReport:
        """Report the data quality of devices in service that you may see, the worst first."""
        return cast(
            "m.QualityReport",
            self.get(
                path("quality"),
                **{
                    "from": from_,
                    "to": to,
                    "tenant_id": tenant_id,
                    "park_id": park_id,
                    "lab_id": lab_id,
                    "model_id": model_id,
                },
            ),
        )

    def create_showcase(self, body: m.NewShowcase) -> m.Showcase:
        """Show a device to everybody. What was shown of it before ends; its link stays the same."""
        return cast("m.Showcase", self.post(path("showcases"), body))

    def list_showcases(
        self,
        *,
        tenant_id: str | None = None,
        device_id: str | None = None,
        state: str | None = None,
    ) -> Iterator[m.Showcase]:
        """List the showcases of your tenants and parks, the newest first."""
        return cast(
            "Iterator[m.Showcase]",
            self.items(path("showcases"), tenant_id=tenant_id, device_id=device_id, state=state),
        )

    def show_showcase(self, showcase_id: int) -> m.Showcase:
        """Show a showcase."""
        return cast("m.Showcase", self.get(path("showcases", showcase_id)))

    def end_showcase(self, showcase_id: int) -> m.Showcase:
        """End a showcase at once: its link shows nothing any more."""
        return cast("m.Showcase", self.post(path("showcases", showcase_id, "end")))

    def show_alerts(self, tenant_id: str) -> m.AlertSettings:
        """Show of what a tenant is alerted, and by which ways."""
        return cast("m.AlertSettings", self.get(path("tenants", tenant_id, "alerts")))

    def change_alerts(
        self, tenant_id: str, body: m.AlertChanges, *, if_match: str | None = None
    ) -> m.AlertSettings:
        """Change of what a tenant is alerted, and by which ways."""
        return cast(
            "m.AlertSettings", self.patch(path("tenants", tenant_id, "alerts"), body, if_match)
        )

    def create_token_by_password(self, body: m.SignInToken) -> m.IssuedToken:
        """Make a token with e-mail address and password. It is shown in this answer only."""
        return cast("m.IssuedToken", self.post(path("tokens", "sign-in"), body))

    def accept_invitation(self, body: m.Acceptance) -> m.User:
        """Accept an invitation as a new user, with the link alone."""
        return cast("m.User", self.post(path("invitations", "accept"), body))

    def set_password_by_link(self, body: m.OtherPassword) -> None:
        """Set a password by a link. Sessions end; an authenticator app and tokens stay."""
        self.post(path("password-resets", "accept"), body)
