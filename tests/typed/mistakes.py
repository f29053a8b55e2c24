"""Mistakes in types that both type checkers have to find: on each line with a mark, and on no other.

tools/checkers.py compares the lines. Nothing runs this file.
"""

from cjm_fasthtml_sse import BroadcastManager, Delivery, OOBStreamBuilder, SSEStream, create_sse_element, make_record


async def make_mistakes(manager: BroadcastManager) -> None:
    await manager.broadcast("note", "text")  # wrong: an argument has the wrong type
    await manager.send_to("tab-1", "note")  # wrong: an argument is missing
    await manager.broadcast("note", {}, topics="job/1")  # wrong: a keyword is misspelt
    manager.broadcast_threadsafe("note", {}, topics="job/1")  # wrong: a keyword is misspelt
    manager.get_history(limit=5).popleft()  # wrong: the result is a list, not a deque
    await manager.get_connection_count()  # wrong: a call that is not asynchronous is awaited
    manager.connection_count  # wrong: there is no such attribute  # noqa: B018
    sent = manager.broadcast("note", {})
    print(sent + 1)  # wrong: the call was not awaited
    Delivery(max_queue_bytes="1 MB")  # wrong: a setting has the wrong type
    Delivery().max_queue_bytes = 5  # wrong: settings are frozen
    create_sse_element("/sse/broadcast", topics="job/1")  # wrong: topics are a list
    OOBStreamBuilder().add_elements([]).render()  # wrong: there is no such method
    for frame in SSEStream().stream([1]): print(frame)  # wrong: the frames come from an asynchronous generator
    make_record("note", {}).topic.upper()  # wrong: there may be no topic
    reveal_type(BroadcastManager())  # shown: BroadcastManager  # noqa: F821
