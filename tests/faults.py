"Faults that tests put into the parts of a manager."


def fail_once(log):
    "Let the next event fail on its way into `log`"
    append = log.append
    def fail(*args, **kwargs):
        log.append = append
        raise OSError("no room for it")
    log.append = fail
