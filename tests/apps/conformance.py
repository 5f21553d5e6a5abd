"""What every app must do, whatever it is: one suite that each binding passes against a server that can really be asked.

A subclass offers a `world`: a binding, signed in to an empty account, and hands that are not ours to edit it with.
"""

import re

import pytest

from shared.contract.calls import AppError, HttpRequest, HttpResponse
from shared.contract.feeds import FeedExpired
from shared.contract.reading import Unreadable
from shared.contract.writing import Change, Refused, Stale, Written
from shared.model.fields import FoundObject
from shared.model.ids import pair_id, read_marker
from shared.model.records import Fields, FieldType, Life, Report
from shared.objects import OBJECTS
from tests.apps.declared import Declared
from tests.apps.world import SYNC, World, marker


class Conformance(Declared):
    """The rules. Each says in its docstring what a user may rely on."""

    def test_feeds_cover_create_update_and_delete(self, world: World) -> None:
        """Nothing depends on webhooks alone."""
        covered = frozenset[str]().union(*(feed.covers for feed in world.binding.feeds))
        assert {"create", "update", "delete"} <= covered

    def test_a_feed_covers_associations(self, world: World) -> None:
        """Where an app has some, a change of one is noticed although no webhook tells it."""
        told = any("association" in feed.covers for feed in world.binding.feeds)
        assert (told or world.binding.link_feed is not None) == bool(world.binding.associations)

    def test_each_association_leads_to_an_object_that_can_be_synced(self, world: World) -> None:
        """Under a label of its own, by which settings name it."""
        own = world.app.own_objects
        found = world.driver.run(own.find(world.session)) if own is not None else ()
        labels = [row.label for row in world.binding.associations]
        assert len(set(labels)) == len(labels)
        assert {row.to for row in world.binding.associations} <= {*world.app.objects, *(one.name for one in found)}
        assert all(row.max_links is None or row.max_links > 0 for row in world.binding.associations)

    def test_each_feed_tells_what_it_covers(self, world: World) -> None:
        """What one feed is said to tell does not hang on another one, which may be late or fail."""
        edited, deleted = world.person_creates([world.sample(1), world.sample(2)])
        world.start_feeds()
        created = world.person_creates([world.sample(3)])[-1]
        world.person_edits(edited, world.text, "x")
        world.person_deletes(deleted)
        happened = {"create": created, "update": edited, "delete": deleted}
        for feed in world.binding.feeds:
            told = {hint.id for hint in world.poll(feed)}
            assert {happened[word] for word in feed.covers & happened.keys()} <= told, feed.name

    def test_discover_knows_the_declared_fields(self, world: World) -> None:
        """What discovery says of a field agrees with the static hint."""
        found = {info.name: info for info in world.driver.run(world.binding.discover(world.session))}
        if any(info.type is FieldType.OWNER for info in (*found.values(), *world.binding.fields)):
            assert world.app.owners is not None, "an app whose records have owners says who they are"
        for info in world.binding.fields:
            assert info.name in found, f"{info.name} is declared, but not discovered"
            assert found[info.name].type == info.type
            assert found[info.name].updatable == info.updatable

    def test_an_object_of_the_account_is_found_as_it_is_bound(self, world: World) -> None:
        """What the settings keep of it is enough to read and write its records."""
        own = world.app.own_objects
        if own is None or world.binding.object in world.app.objects:
            return
        found = {one.name: one for one in world.driver.run(own.find(world.session))}
        one = found[world.binding.object]
        kept = FoundObject.model_validate_json(one.without_options().model_dump_json(exclude_defaults=True))
        made = own.bind(kept)
        assert (made.object, made.type) == (one.name, one.type)
        assert made.type in OBJECTS
        assert [(info.name, info.type) for info in made.fields] == [(info.name, info.type) for info in one.fields]
        assert [(row.label, row.to, row.max_links, row.mutual) for row in made.associations] == [
            (row.name, row.to, row.max_links, row.mutual) for row in one.associations
        ]
        record = world.made().id
        (report,) = world.driver.run(made.read(world.session, [record], world.names))
        assert isinstance(report, Report)
        assert (report.object, report.fields) == (one.name, world.one(record).fields)
        assert len({one.id for one in found.values()}) == len(found), "an id tells an object from another of its name"
        assert not found.keys() & world.app.objects.keys()

    def test_every_report_names_the_object_as_its_binding_does(self, world: World) -> None:
        """Messages are keyed by it."""
        made = world.made()
        world.start_feeds()
        (edited,) = [world.edit(made, **{world.text: "new"})]
        assert isinstance(edited, Written)
        reports = (made, edited.report, world.one(made.id), *world.listed())
        assert {report.object for report in reports} == {world.binding.object}

    def test_a_create_run_twice_makes_one_record(self, world: World) -> None:
        """The second run finds the record of the first."""
        change = Change(key="k", marker=marker(1), fields=world.sample(1))
        (first,), (second,) = world.create(change), world.create(change)
        assert isinstance(first, Written)
        assert isinstance(second, Written)
        assert (first.found, second.found) == (False, True)
        assert [first.report.id] == [x.id for x in world.listed()] == [second.report.id]

    def test_a_create_whose_answer_was_lost_makes_one_record(self, world: World) -> None:
        """The unknown outcome is said, and the retry finds the record."""
        world.driver.drop = lambda request: not request.safe
        change = Change(key="k", marker=marker(1), fields=world.sample(1))
        with pytest.raises(AppError) as caught:
            world.create(change)
        assert caught.value.unknown
        (again,) = world.create(change)
        assert isinstance(again, Written)
        assert again.found
        assert len(world.listed()) == 1

    def test_a_create_that_is_noticed_before_its_answer_names_its_pair(self, world: World) -> None:
        """The record carries the marker, so a report that overtakes the answer is not taken for a stranger's."""
        world.start_feeds()
        world.driver.drop = lambda request: not request.safe
        with pytest.raises(AppError):
            world.create(Change(key="k", marker=marker(7), fields=world.sample(7)))
        (record,) = world.hints()
        assert world.one(record).marker == marker(7)
        assert read_marker(world.one(record).marker, SYNC) == (pair_id(SYNC, "L", "7"), "R")

    def test_a_stranger_carries_no_marker(self, world: World) -> None:
        """Only our own creates are recognised as ours."""
        (record,) = world.person_creates([world.sample(1)])
        assert read_marker(world.one(record).marker, SYNC) is None

    def test_a_second_record_with_an_address_is_refused_or_the_first_can_be_found(self, world: World) -> None:
        """A person who was entered on both sides is linked, not doubled."""
        column = next((info for info in world.binding.fields if info.canonical == "email"), None)
        if column is None:
            return
        (record,) = world.person_creates([world.sample(1)])
        address = str(world.sample(1)[column.name])
        if world.binding.find is not None:
            found = world.driver.run(world.binding.find(world.session, [address], world.names))
            assert [one.id for one in found] == [record]
            return
        assert column.unique
        fields = {**world.sample(2), column.name: address}
        (result,) = world.create(Change(key="k", marker=marker(2), fields=fields))
        assert isinstance(result, Refused)
        assert (result.code, result.conflicting_id) == ("duplicate_in_target", record)

    def test_a_living_record_is_found_by_its_address_where_its_app_can_be_asked(self, world: World) -> None:
        """Whoever asks why somebody is not synced is told of that one, at once, and of nobody who was deleted."""
        assert world.binding.find is None or world.binding.look_up is None, "one of them serves"
        search = world.binding.find or world.binding.look_up
        if search is None:
            return
        column = next(info.name for info in world.binding.fields if info.canonical == "email")
        ann, bob, _ = world.person_creates([world.sample(number) for number in (1, 2, 3)])
        world.person_deletes(bob)
        addresses = [str(world.sample(number)[column]) for number in (1, 2, 4)]
        found = world.driver.run(search(world.session, addresses, [column]))
        assert [(one.id, one.life, one.fields) for one in found] == [(ann, Life.ALIVE, {column: addresses[0]})]
        assert found[0] == world.driver.run(world.binding.read(world.session, [ann], [column]))[0], "as when it is read"
        assert list(world.driver.run(search(world.session, addresses[1:], [column]))) == []

    def test_an_update_writes_and_reports_what_is_stored(self, world: World) -> None:
        """The answer carries the new value and the version that the feed will tell, so the echo is recognised."""
        report = world.made()
        world.start_feeds()
        done = world.edit(report, **{world.text: "new"})
        assert isinstance(done, Written)
        assert done.report.fields[world.text] == "new"
        assert done.report.version != report.version
        assert world.one(report.id).fields[world.text] == "new"
        assert world.one(report.id).version == done.report.version
        assert world.hints()[report.id].version == (done.report.version if world.tells_versions else None)

    def test_the_report_of_a_create_equals_what_was_sent(self, world: World) -> None:
        """An echo of our own write is no change."""
        report = world.made()
        assert {name: report.fields[name] for name in world.sample(1)} == world.sample(1)
        assert world.one(report.id).fields.items() >= world.sample(1).items()
        assert world.one(report.id).version == report.version

    def test_an_update_leaves_other_fields_alone(self, world: World) -> None:
        """Only changed fields are written."""
        report = world.made()
        world.edit(report, **{world.text: "new"})
        assert world.one(report.id).fields == {**world.sample(1), world.text: "new"}

    def test_an_update_run_twice_is_harmless(self, world: World) -> None:
        """After a lost answer, the same write is answered without doing damage."""
        report = world.made()
        world.driver.drop = lambda request: not request.safe
        with pytest.raises(AppError) as caught:
            world.edit(report, **{world.text: "new"})
        assert caught.value.unknown
        again = world.edit(report, **{world.text: "new"})
        assert isinstance(again, Written | Stale)
        assert again.report.fields[world.text] == "new"

    def test_a_field_can_be_cleared(self, world: World) -> None:
        """Cleared is reported as known to be empty."""
        report = world.made()
        filled = world.edit(report, **{world.text: "x"})
        assert isinstance(filled, Written)
        emptied = world.edit(filled.report, **{world.text: None})
        assert isinstance(emptied, Written)
        assert emptied.report.fields[world.text] is None
        assert world.one(report.id).fields[world.text] is None

    def test_a_field_that_was_not_asked_for_is_not_known(self, world: World) -> None:
        """Unknown is not empty."""
        report = world.made()
        (found,) = world.driver.run(world.binding.read(world.session, [report.id], [world.text]))
        assert isinstance(found, Report)
        assert found.fields == {world.text: None}

    def test_an_update_that_expects_an_older_state_is_stale(self, world: World) -> None:
        """What somebody else wrote meanwhile is not overwritten, and is reported."""
        report = world.made()
        world.person_edits(report.id, world.text, "theirs")
        done = world.edit(report, **{world.text: "ours"})
        assert isinstance(done, Stale)
        assert done.report.fields[world.text] == "theirs"
        assert world.one(report.id).fields[world.text] == "theirs"

    def test_an_update_of_a_deleted_record_does_not_bring_it_back(self, world: World) -> None:
        """The answer says that it is gone."""
        report = world.made()
        world.person_deletes(report.id)
        done = world.edit(report, **{world.text: "ours"})
        assert isinstance(done, Stale)
        assert done.report.life in (Life.GONE, Life.ARCHIVED)
        assert world.listed() == []

    def test_archiving_deletes_once_and_only_what_was_expected(self, world: World) -> None:
        """A delete of a record that somebody changed meanwhile is stale; a repeated one is done."""
        report = world.made()
        world.person_edits(report.id, world.text, "theirs")
        archive = world.binding.archive_many
        change = Change(key="a", id=report.id, expected=report.version)
        (stale,) = world.driver.run(archive(world.session, [change]))
        assert isinstance(stale, Stale)
        assert stale.report.life is Life.ALIVE
        change = Change(key="a", id=report.id, expected=world.one(report.id).version)
        for _ in range(2):
            (done,) = world.driver.run(archive(world.session, [change]))
            assert isinstance(done, Written)
            assert done.report.life in (Life.GONE, Life.ARCHIVED)
        assert world.listed() == []

    def test_the_feeds_tell_creates_and_updates(self, world: World) -> None:
        """With the version that a reading gives, so that known records need not be read."""
        (old,) = world.person_creates([world.sample(1)])
        world.start_feeds()
        (new,) = world.person_creates([world.sample(2)])
        world.person_edits(old, world.text, "x")
        hints = world.hints()
        versions = {world.one(x).version for x in (old, new)} if world.tells_versions else {None}
        assert {hints[x].version for x in (old, new)} == versions
        assert hints[old].kind == hints[new].kind == "changed"

    def test_the_feeds_tell_a_delete(self, world: World) -> None:
        """The hint leads to a reading that says it is gone."""
        (record, other) = world.person_creates([world.sample(1), world.sample(2)])
        world.start_feeds()
        world.person_deletes(record)
        assert world.hints()[record].kind == "deleted"
        assert world.one(record).life in (Life.GONE, Life.ARCHIVED)
        assert [x.id for x in world.listed()] == [other]

    def test_a_merge_is_seen_or_the_app_knows_none(self, world: World) -> None:
        """The old ids lead to the survivor, whose report lists them."""
        if not any("merge" in feed.covers for feed in world.binding.feeds):
            return
        ids = world.person_creates([world.sample(1), world.sample(2)])
        world.start_feeds()
        survivor = world.person_merges(*ids)
        for feed in world.binding.feeds:
            told = {hint.id for hint in world.poll(feed)}
            assert survivor in told or "merge" not in feed.covers, feed.name
        found = world.read(*ids)
        for old in ids:
            loser = found[old]
            assert isinstance(loser, Report)
            assert (loser.life, loser.merged_into) == (Life.MERGED, survivor)
        kept = found[survivor]
        assert isinstance(kept, Report)
        assert set(kept.aliases) == {*ids}
        assert kept.life is Life.ALIVE

    def test_a_cursor_that_the_app_forgot_is_said_to_be_expired(self, world: World) -> None:
        """A full scan then shows every record: nothing is taken for deleted."""
        records = world.person_creates([world.sample(1), world.sample(2)])
        for feed in world.binding.feeds:
            with pytest.raises(FeedExpired):
                world.driver.run(feed.poll(world.session, '{"token": "http://radicale.org/ns/sync/00", "at": "x"}'))
        assert {x.id for x in world.listed()} == {*records}
        assert all(x.life is Life.ALIVE for x in world.listed())

    def test_a_feed_that_can_look_back_tells_again_what_it_told(self, world: World) -> None:
        """The others keep their cursors; a cursor that is none of the feed's is said to be expired."""
        world.start_feeds()
        (record,) = world.person_creates([world.sample(1)])
        world.hints()
        for feed in world.binding.feeds:
            if feed.rewind is None:
                continue
            with pytest.raises(FeedExpired):
                feed.rewind("[]", 1)
            world.cursors[feed.name] = feed.rewind(world.cursors[feed.name], 3_600_000)
            if "create" in feed.covers:
                assert record in {hint.id for hint in world.poll(feed)}

    def test_one_bad_item_of_a_batch_is_refused_alone(self, world: World) -> None:
        """The others are written; the refusal names the field and a row of the error registry."""
        changes = [Change(key=str(n), marker=marker(n), fields=world.sample(n)) for n in range(1, 6)]
        changes[2] = Change(key="3", marker=marker(3), fields={**world.sample(3), **world.bad})
        results = {x.key: x for x in world.create(*changes)}
        refused = results.pop("3")
        assert isinstance(refused, Refused)
        assert refused.code in ("invalid_value", "type_mismatch")
        assert all(isinstance(x, Written) for x in results.values())
        assert len(world.listed()) == 4

    def test_a_batch_of_updates_with_one_bad_item(self, world: World) -> None:
        """Updates are told apart as creates are."""
        reports = [world.made(n) for n in range(1, 5)]
        values: list[Fields] = [{world.text: f"t{n}"} for n in range(4)]
        values[1] = world.bad
        changes = [
            Change(key=x.id, id=x.id, fields=v, before={name: x.fields.get(name) for name in v}, expected=x.version)
            for x, v in zip(reports, values, strict=True)
        ]
        results = {x.key: x for x in world.update(*changes)}
        kinds = [type(results[x.key]) for x in changes]
        assert kinds == [Written, Refused, Written, Written], results

    def test_a_page_follows_a_page_and_a_feed_tells_many_changes(self, world: World) -> None:
        """250 records are listed once each in the order of ids, and told once each by the feed."""
        world.start_feeds()
        records = world.person_creates([world.sample(n) for n in range(250)])
        told = [hint for feed in world.binding.feeds for hint in world.poll(feed)]
        assert sorted(hint.id for hint in told) == sorted(records)
        listed = [x.id for x in world.listed()]
        assert len(listed) == len({*listed}) == 250
        assert {*listed} == {*records}
        assert listed == [x.id for x in world.listed()], "two listings of an unchanged account must agree"
        first = world.driver.run(world.binding.list_page(world.session, None, world.names))
        assert first.next is not None
        assert world.hints() == {}, "what was told once is not told again while nothing changes"

    def test_many_ids_are_read_with_one_result_each(self, world: World) -> None:
        """More ids than fit a batch, a repeated one, and one that never was."""
        records = world.person_creates([world.sample(n) for n in range(world.binding.read_batch + 5)])
        missing = "987654321"
        found = world.read(*records, records[0], missing)
        assert {*found} == {*records, missing}
        gone = found.pop(missing)
        assert isinstance(gone, Report)
        assert gone.life is Life.GONE
        assert all(isinstance(x, Report) and x.life is Life.ALIVE for x in found.values())

    def test_a_limit_is_said_to_be_one(self, world: World) -> None:
        """The caller may wait and go on; nothing is refused for good."""
        world.driver.instead = lambda _request: HttpResponse(status=429, headers={"retry-after": "3"})
        with pytest.raises(AppError) as caught:
            world.made()
        assert (caught.value.code, caught.value.retry, caught.value.retry_after_s) == ("rate_limited", "busy", 3.0)
        assert not caught.value.unknown

    def test_a_record_that_may_not_be_read_is_not_deleted(self, world: World) -> None:
        """Lost permission is a connection problem or an unreadable record, never a deletion."""
        report = world.made()

        def forbid(_request: HttpRequest) -> HttpResponse:
            return HttpResponse(status=403)

        world.driver.instead = forbid
        with pytest.raises(AppError) as caught:
            world.read(report.id)
        assert caught.value.code == "permission_denied"
        assert caught.value.retry == "setup"

        world.driver.instead = world.alone_is_hidden
        assert isinstance(world.read(report.id)[report.id], Unreadable)
        world.driver.instead = None
        assert world.one(report.id).life is Life.ALIVE

    def test_a_server_that_fails_leaves_the_outcome_of_a_write_open(self, world: World) -> None:
        """Only a write that may have been executed is unknown; a read is not."""
        report = world.made()

        def fail(request: HttpRequest) -> HttpResponse | None:
            return None if request.safe else HttpResponse(status=500, body=b"<html>oops</html>")

        world.driver.instead = fail
        with pytest.raises(AppError) as caught:
            world.edit(report, **{world.text: "new"})
        assert (caught.value.code, caught.value.retry, caught.value.unknown) == ("app_unavailable", "outage", True)
        world.driver.instead = lambda _request: HttpResponse(status=500)
        with pytest.raises(AppError) as caught:
            world.read(report.id)
        assert (caught.value.code, caught.value.unknown) == ("app_unavailable", False)

    def test_a_write_is_guarded_as_declared(self, world: World) -> None:
        """The app compares versions where it has a lock; elsewhere the record is read again just before."""
        report = world.made()
        world.driver.calls.clear()
        world.edit(report, **{world.text: "new"})
        first, writes = world.driver.calls[0], [call for call in world.driver.calls if not call.safe]
        assert writes
        if world.binding.lock == "etag":
            known = report.version.token or str(report.version.order)
            assert all(call.headers.get("If-Match") == known for call in writes)
        else:
            assert first.safe

    def test_owners_are_listed_with_those_who_left(self, world: World) -> None:
        """Whose records they were is known by address, also of somebody who owns no new ones."""
        if world.app.owners is None:
            return
        here, gone = world.person_hires("A@x.org", leaves=False), world.person_hires("b@x.org", leaves=True)
        found = {owner.id: (owner.email, owner.active) for owner in world.driver.run(world.app.owners(world.session))}
        assert found == {here: ("a@x.org", True), gone: ("b@x.org", False)}

    def test_fields_name_what_the_app_can_do(self, world: World) -> None:
        """Names are plain, and unique."""
        names = [info.name for info in world.binding.fields]
        assert len(names) == len({*names})
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
