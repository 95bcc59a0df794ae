"""A chat template is a program from somewhere: whatever it does ends in a sentence, within its limits."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.errors import CheckpointError, InputError
from engine.model import chat_process
from engine.model.chat import ChatTemplate, load_chat_template
from engine.model.chat_limits import MOST_SOURCE_BYTES, MOST_TEXT_BYTES

MESSAGES = [{"role": "user", "content": "hello"}]
MOST_BYTES = 2**30
ANY = "does not take these messages|was stopped"
STOPPED = "^The chat template was stopped: it took more than"
LOOP = "{% for i in range(100000) %}{% for j in range(100000) %}{{ '' }}{% endfor %}{% endfor %}"


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests need not wait for the limit that users have."""
    monkeypatch.setattr(chat_process, "MOST_CPU_S", 0.5)


def said(source: str) -> str:
    """The sentence that a template ends in; nothing of it is left running."""
    before = set(psutil.Process().children())
    template = ChatTemplate(source, {})
    with pytest.raises(InputError) as raised:
        template.render(MESSAGES)
    assert set(psutil.Process().children()) <= before
    sentence = str(raised.value)
    assert len(sentence) < 300
    assert sentence.isprintable()
    assert sentence.endswith(".")
    return sentence


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("source", "says"),
    [
        (LOOP, STOPPED),
        ("{% for i in range(10**9) %}a{% endfor %}", "Range too big"),
        ("{{ range(10**12) | list }}", "Range too big"),
        ("{{ 10 ** (10 ** 10) }}", f"{STOPPED}|too much memory"),
        ("{{ 'a' * 10**10 }}", "too much memory"),
        ("{{ ('a' * 10**8) }}", f"it writes more than 64 MB of text|{STOPPED}|memory"),
        ("{% for i in range(100) %}{{ 'a' * 10**6 }}{% endfor %}", "it writes more than 64 MB of text"),
        ("{% set ns = namespace(a='a' * 1000) %}{% for i in range(60) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
         f"{STOPPED}|too much memory"),
        ("{% set ns = namespace(a=[0]) %}{% for i in range(60) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
         f"{STOPPED}|memory"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}", "recursion"),
        ("{% for x in [messages] recursive %}{{ loop([[x]]) }}{% endfor %}", "recursion"),
        ("{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}", ANY),
        ("{{ " + "[" * 500 + "]" * 500 + " }}", ANY),
        ("{{ 1" + " + 1" * 100_000 + " }}", ANY),
        ("{{ " + "not " * 100_000 + "1 }}", ANY),
        ("{% if 1 %}" * 3000 + "{% endif %}" * 3000, ANY),
        ("{{ ('a' * 100000) | wordwrap(1) | indent(100000) | length }}{{ lipsum(n=100000) }}", f"{STOPPED}|memory"),
        ("{{ '%1000000000d' | format(1) }}", f"{STOPPED}|memory"),
        ("{{ '{:1000000000}'.format(1) }}", f"{STOPPED}|memory"),
        ("{{ 'x'.center(10**10) }}", "memory"),
        ("{{ messages.__class__.__base__.__subclasses__() }}", "unsafe"),
        ("{{ ''['__class__'] }}{{ (''|attr('__class__')).mro() }}", "unsafe|undefined"),
        ("{{ cycler.__init__.__globals__.os.system('true') }}", "unsafe"),
        ("{{ messages[0].update({'role': 'x'}) }}", "unsafe|not callable"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{% import 'os' as os %}", "no loader"),
        ("{{ '\\ud800' }}", "surrogates not allowed"),
        ("a\ud800", "holds half of a surrogate pair"),
        ("{{ raise_exception('a\\u202e' ~ 'b\\n' * 1000) }}", r"a\\u202eb b b"),
        ("{{ raise_exception(10 ** 5000) }}", ANY),
        ("{{ strftime_now(1) }}", ANY),
        ("\0{{ '\0' }}{% %}", ANY),
    ],
)  # fmt: skip
def test_a_hostile_template_ends_in_a_sentence(source: str, says: str) -> None:
    sentence = said(source)
    assert re.search(says, sentence), sentence


def test_what_a_template_must_not_see_is_nothing_to_it() -> None:
    template = ChatTemplate(
        "{{ '{0.__class__}'.format('') }}{{ raise_exception.__globals__ }}{{ messages[0]['__class__'] }}"
        "{{ environ }}{{ self.__dict__ }}{{ (joiner | attr('__init__')) }}",
        {},
    )
    assert template.render(MESSAGES) == ""
    template.process.close()


def test_a_template_has_two_seconds_and_the_next_conversation_a_fresh_process() -> None:
    template = ChatTemplate("{% if messages | length > 1 %}" + LOOP + "{% endif %}{{ messages[0].content }}", {})
    start = time.monotonic()
    with pytest.raises(InputError, match=r"^The chat template was stopped: it took more than 2 s for these messages.$"):
        template.render(MESSAGES * 2)
    assert time.monotonic() - start < 30
    assert template.render(MESSAGES) == "hello"
    template.process.close()


def test_the_parent_needs_no_more_memory_than_the_text() -> None:
    pytest.importorskip("resource")
    before = psutil.Process().memory_info().rss
    said("{% for i in range(100) %}{{ 'a' * 10**6 }}{% endfor %}")
    assert psutil.Process().memory_info().rss - before < MOST_TEXT_BYTES


def test_conversations_share_a_process_which_goes_with_the_template() -> None:
    template = ChatTemplate("{{ bos_token }}{{ messages[0].content }}", {"bos_token": "<s>"})
    before = set(psutil.Process().children())
    assert template.render(MESSAGES) == "<s>hello"
    (child,) = set(psutil.Process().children()) - before
    assert template.render([{"role": "user", "content": "é\n"}]) == "<s>é\n"
    assert set(psutil.Process().children()) - before == {child}
    del template
    gc.collect()
    assert not child.is_running()


def test_a_process_that_is_killed_is_said_and_started_again() -> None:
    template = ChatTemplate("{{ messages[0].content }}", {})
    before = set(psutil.Process().children())
    template.render(MESSAGES)
    (child,) = set(psutil.Process().children()) - before
    child.send_signal(signal.SIGSTOP)
    child.kill()
    with pytest.raises(InputError, match=r"does not take these messages: rendering them crashed \(SIGKILL\)\.$"):
        template.render(MESSAGES)
    assert template.render(MESSAGES) == "hello"
    template.process.close()


OWNER = """
import sys, threading
from engine.model import chat_process
from engine.model.chat import ChatTemplate
import psutil
chat_process.MOST_CPU_S = chat_process.MOST_WALL_S = 1000

def tell():
    while not (found := psutil.Process().children()):
        pass
    print(found[0].pid, flush=True)

threading.Thread(target=tell, daemon=True).start()
template = ChatTemplate(sys.argv[1], {})
template.render([{"role": "user", "content": ""}])
print("rendered", flush=True)
threading.Event().wait()
"""


def test_it_does_not_outlive_its_parent() -> None:
    with started(OWNER, "") as (owner, child):
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"rendered\n"
        owner.kill()
        child.wait(5)  # raises TimeoutExpired where it lives on


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends itself after 12 s")
def test_it_does_not_outlive_its_parent_in_the_middle_of_a_template() -> None:
    with started(OWNER, LOOP) as (owner, child):
        while sum(child.cpu_times()[:2]) < 0.4:  # Python and jinja2 are loaded: it renders
            threading.Event().wait(0.01)
        owner.kill()
        child.wait(5)


@contextlib.contextmanager
def started(script: str, argument: str) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A process that runs the script, and the child whose id is the first line it says."""
    owner = subprocess.Popen(
        [sys.executable, "-c", script, argument], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert owner.stdout is not None
    try:
        yield owner, psutil.Process(int(owner.stdout.readline()))
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()


def test_a_template_that_is_no_file_or_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "chat_template.jinja"
    file.write_bytes(b"a\xff")
    with pytest.raises(CheckpointError, match=r"chat_template\.jinja is not a text in UTF-8"):
        load_chat_template(tmp_path, {})
    file.write_bytes(b" " * (MOST_SOURCE_BYTES + 1))
    with pytest.raises(CheckpointError, match="such a file is read up to 4 MiB only"):
        load_chat_template(tmp_path, {})
    file.unlink()
    file.mkdir()
    with pytest.raises(CheckpointError, match=r"is .*, not a file"):
        load_chat_template(tmp_path, {})
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(CheckpointError, match=r"is .*, not a file"):
        load_chat_template(tmp_path, {})
    file.unlink()
    file.symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match=r"is .*, not a file"):
        load_chat_template(tmp_path, {})


def test_names_of_templates_may_be_anything_json_can_hold(tmp_path: Path) -> None:
    given = [{"name": ["default"], "template": "a"}, 7, {"name": "default", "template": "{{ 1 }}"}, {}]
    template = load_chat_template(tmp_path, {"chat_template": given})
    assert template is not None
    assert template.source == "{{ 1 }}"
    assert load_chat_template(tmp_path, {"chat_template": [{"name": "default"}]}) is None
