"""What an app declares beside its exchanges holds as well: sizes, limits, addresses, what a create must hold.

`tests/architecture/test_declarations.py` shows that the suite of all apps looks at whatever an app may declare.
"""

import re
from zoneinfo import ZoneInfo

from shared.contract.demands import OWN_OBJECTS
from shared.contract.webhooks import WebhookCall
from shared.contract.writing import Change, Refused, Written
from shared.model.fields import FieldInfo
from shared.model.records import Report
from tests.apps.world import World, marker


class Declared:
    """The part of the suite that is about declared values; each rule says what a user may rely on."""

    def test_what_discovery_says_of_a_field_is_what_is_declared(self, world: World) -> None:
        """Settings are checked by either."""

        def facts(info: FieldInfo) -> tuple[object, ...]:
            sizes = (info.max_length, info.scale)
            return (info.readable, info.creatable, info.required, info.unique, info.sensitive, *sizes)

        found = {info.name: info for info in world.driver.run(world.binding.discover(world.session))}
        for info in world.binding.fields:
            assert (info.name, facts(found[info.name])) == (info.name, facts(info))
        for info in found.values():
            values = [option.value for option in info.options]
            assert len({*values}) == len(values), f"{info.name} has an option twice"
            assert info.label or not values, f"people are to choose an option of {info.name}, which has no label"
            assert info.options_hidden == "", f"{info.name} hides its options from somebody who may see all"

    def test_a_field_takes_as_much_as_is_declared_and_no_more(self, world: World) -> None:
        """What fits arrives whole; of what does not, a person is told which field it is."""
        report = world.made()
        for info in world.binding.fields:
            if info.name == world.text and info.max_length is not None:
                self._takes(world, report, info.name, "x" * info.max_length, "x" * (info.max_length + 1))
            if info.scale is not None:
                self._takes(world, report, info.name, "1." + "5" * info.scale, "1." + "5" * (info.scale + 1))

    def _takes(self, world: World, report: Report, name: str, fits: str, beyond: str) -> None:
        before = world.driver.run(world.binding.read(world.session, [report.id], [name]))[0]
        assert isinstance(before, Report)
        done = world.edit(before, **{name: fits})
        assert isinstance(done, Written)
        assert done.report.fields[name] == fits
        refused = world.edit(done.report, **{name: beyond})
        assert isinstance(refused, Refused)
        assert refused.field in (name, None)

    def test_a_create_without_what_it_must_hold_is_refused(self, world: World) -> None:
        """So such a record is not tried, and its row says what it lacks."""
        alone = [(info.name,) for info in world.binding.fields if info.required]
        for group in (*world.binding.required_any, *alone):
            fields = {name: value for name, value in world.sample(1).items() if name not in group}
            (result,) = world.create(Change(key="k", marker=marker(1), fields=fields))
            assert isinstance(result, Refused)
            assert result.code == "required_missing"

    def test_the_answer_to_a_create_tells_as_much_as_is_declared(self, world: World) -> None:
        """What it leaves out is empty, or is not known before the record is read."""
        names = [info.name for info in world.binding.fields if info.readable]
        report = world.made()
        (found,) = world.driver.run(world.binding.read(world.session, [report.id], names))
        assert isinstance(found, Report)
        held = {name: value for name, value in found.fields.items() if value is not None}
        if world.binding.create_answer == "whole":
            assert report.fields.items() >= held.items()
        else:
            assert report.fields.keys() >= world.sample(1).keys()

    def test_versions_are_of_the_declared_kind(self, world: World) -> None:
        """Where they have an order, a later reading has a greater one; elsewhere each is only another one."""
        first = world.made()
        done = world.edit(first, **{world.text: "new"})
        assert isinstance(done, Written)
        one, two = first.version, done.report.version
        if world.binding.versions == "ordered":
            assert one.order is not None
            assert two.order is not None
            assert one.order < two.order
        else:
            assert (one.order, two.order) == (None, None)
            assert one.token
            assert one.token != two.token

    def test_one_call_takes_as_many_writes_as_is_declared(self, world: World) -> None:
        """Each has its own result."""
        changes = [
            Change(key=str(number), marker=marker(number), fields=world.sample(number))
            for number in range(world.binding.write_batch)
        ]
        results = world.create(*changes)
        assert [result.key for result in results] == [change.key for change in changes]
        assert all(isinstance(result, Written) for result in results)
        first = world.driver.run(world.binding.list_page(world.session, None, world.names))
        assert first.skipped == ()
        assert first.total in (None, len(changes))

    def test_every_call_counts_against_a_limit_of_the_app(self, world: World) -> None:
        """A call that counts against none is spaced out by nobody."""
        world.start_feeds()
        world.edit(world.made(), **{world.text: "new"})
        world.hints()
        world.listed()
        limits = {limit.name: limit for limit in world.app.limits}
        assert {call.limit for call in world.driver.calls} <= limits.keys()
        assert {name for auth in world.app.auth for name in auth.limits} <= limits.keys()
        assert all(limit.kind == "none" or (limit.amount > 0 < limit.window_s) for limit in limits.values())
        assert world.app.max_parallel > 0

    def test_the_account_says_who_it_is(self, world: World) -> None:
        """Always under the same id, so that no account is connected twice."""
        found = world.driver.run(world.app.account(world.session))
        assert found.id
        assert found.name
        assert found.id not in found.formerly
        assert ZoneInfo(found.zone).key == found.zone
        assert re.fullmatch(r"[A-Z]{3}|", found.currency)
        assert world.driver.run(world.app.account(world.session)) == found

    def test_preparing_again_changes_nothing(self, world: World) -> None:
        """Each first sync prepares its apps, whoever prepared them before."""
        if world.binding.prepare is None:
            return
        before = world.driver.run(world.binding.discover(world.session))
        world.driver.run(world.binding.prepare(world.session))
        assert world.driver.run(world.binding.discover(world.session)) == before

    def test_places_are_told_in_the_options_of_a_connection(self, world: World) -> None:
        """Whoever connects an account chooses one, and writes nothing."""
        if world.app.places is None:
            return
        options = {field.name for field in world.app.connection_fields}
        for place in world.driver.run(world.app.places(world.session)):
            assert place.title
            assert place.options.keys() <= options

    def test_known_records_are_asked_for_their_associations(self, world: World) -> None:
        """The answer is about those that were asked for, and names labels of the object."""
        feed = world.binding.link_feed
        if feed is None:
            return
        ids, labels = [world.made(1).id, world.made(2).id], [row.label for row in world.binding.associations]
        assert 0 < len(ids) <= feed.batch
        found = world.driver.run(feed.read(world.session, ids, labels))
        assert found.keys() <= {*ids}
        assert {label for told in found.values() for label in told} <= {*labels}

    def test_a_call_that_nobody_signed_is_forged_and_one_that_says_nothing_is_an_error(self, world: World) -> None:
        """Whoever finds the address can tell us nothing."""
        hook = world.app.webhook
        if hook is None:
            return
        url = f"https://sync.example{hook.path}"
        call = WebhookCall(method="POST", url=url, headers={}, body=b"[]", at_ms=1)
        assert hook.verify(world.session, call, "secret") == "forged"
        try:
            heard = hook.read(b"\xff<html>")
        except ValueError:
            return
        raise AssertionError(heard)

    def test_an_id_is_known_in_what_people_write_and_what_leads_elsewhere_is_none(self, world: World) -> None:
        """Whoever may look at records must reach no other address of the app by what they write."""
        made = world.made(1).id
        assert world.binding.id_in(world.session, made) == made
        for text in ("", ".", "..", "../" + made, f"{made}/../{made}", f"/{made}", "Ann Lee", f"{made}\n", "a?b=c/.."):
            found = world.binding.id_in(world.session, text)
            assert found == "", text

    def test_what_is_declared_fits_together(self, world: World) -> None:
        """Names that others go by are there, once."""
        app, binding = world.app, world.binding
        known = {*app.objects, OWN_OBJECTS}
        assert {object_ for scope in app.scopes for object_ in scope.objects} <= known
        names = [feed.name for feed in binding.feeds] + [feed.name for feed in (binding.link_feed,) if feed]
        assert len({*names}) == len(names)
        assert all(feed.interval_s > 0 for feed in binding.feeds)
        assert "{id}" in binding.record_url or not binding.record_url
        for auth in app.auth:
            signed = auth.headers(dict.fromkeys((*auth.secrets, "access_token"), "x"))
            assert bool(signed) == (auth.kind != "none")
        assert all(name == name.lower() for limit in app.limits for name in limit.told or ())
        asked = {field.name: field for field in app.connection_fields}
        assert len(asked) == len(app.connection_fields)
        assert all(field.label and (field.kind == "text" or not field.choices) for field in asked.values())
        kinds = [auth.kind for auth in app.auth]
        assert len({*kinds}) == len(kinds)
        assert app.docs_url.startswith("https://")
        assert app.tested_versions
        assert binding.object in app.objects or app.own_objects is not None
