"""gdb helper: the coroutines of a posthouse process, live or from a core file.

    gdb -p PID -x tools/posthouse-gdb.py          (or: source tools/posthouse-gdb.py)
    (gdb) coroutines          one line each: address, state, name
    (gdb) coroutines bt       with a backtrace of every parked one
    (gdb) coroutine ADDRESS   backtrace of one; a name shows all of that name

A parked coroutine's registers lie on its stack in the order that src/run/arch_*.S pushes them.
An unwinder hands them to gdb as the caller of the present innermost frame; nothing in the process
is changed.
"""
import gdb
from gdb.unwinder import Unwinder, register_unwinder

# register names in the order of the saved words, and how far sp moves when they are popped
LAYOUT = {
    'i386:x86-64': (['r15', 'r14', 'r13', 'r12', 'rbx', 'rbp', 'rip'], 56, 'rsp', 'rip'),
    'aarch64': (['x%d' % n for n in range(19, 31)], 160, 'sp', 'pc'),
}
LIST_MAX = 100000  # a damaged list must not run for ever


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Parked(Unwinder):
    """While `saved_sp` is set, the caller of the innermost frame is the coroutine parked there."""

    def __init__(self):
        super().__init__('posthouse-coroutine')
        self.saved_sp = None
        self.innermost = None

    def __call__(self, frame):
        layout = LAYOUT.get(frame.architecture().name())
        if self.saved_sp is None or layout is None:
            return None
        names, size, sp_name, pc_name = layout
        sp, pc = int(frame.read_register(sp_name)), int(frame.read_register(pc_name))
        if (sp, pc) != self.innermost:
            return None
        info = frame.create_unwind_info(FrameId(gdb.Value(self.saved_sp), gdb.Value(pc)))
        word = gdb.lookup_type('unsigned long')
        for n, name in enumerate(names):
            value = gdb.Value(self.saved_sp + 8 * n).cast(word.pointer()).dereference()
            info.add_saved_register(name, value)
            if name == 'x30':  # a switch returns to its link register
                info.add_saved_register('pc', value)
        info.add_saved_register(sp_name, gdb.Value(self.saved_sp + size).cast(word))
        return info


unwinder = Parked()
register_unwinder(None, unwinder, replace=True)


def coroutines():
    """All that exist, newest last."""
    sched = gdb.parse_and_eval('sched')
    head = sched['all'].address
    co = gdb.lookup_type('struct co')
    offset = next(f.bitpos // 8 for f in co.fields() if f.name == 'all')
    node = sched['all']['next']
    for _ in range(LIST_MAX):
        if node == head or int(node) == 0:
            return
        yield gdb.Value(int(node) - offset).cast(co.pointer())
        node = node.dereference()['next']


def state(co):
    return str(co['state']).replace('CO_', '').lower() + (', cancelled' if co['cancelled'] else '')


def line(co):
    return '%#x  %-20s %s' % (int(co), state(co), co['name'].string())


def backtrace(co):
    if str(co['state']) == 'CO_RUNNING':
        print('    (running: see bt)')
        return
    if not unwinder.enabled:
        print('    (unwinder posthouse-coroutine is disabled)')
        return
    top = gdb.newest_frame()
    layout = LAYOUT.get(top.architecture().name())
    if layout is None:
        print('    (unknown architecture %s)' % top.architecture().name())
        return
    unwinder.innermost = int(top.read_register(layout[2])), int(top.read_register(layout[3]))
    unwinder.saved_sp = int(co['sp'])
    gdb.invalidate_cached_frames()
    try:
        frame, n = gdb.newest_frame().older(), 0
        while frame is not None and frame.is_valid():
            sal = frame.find_sal()
            where = ' at %s:%d' % (sal.symtab.filename, sal.line) if sal.symtab else ''
            print('    #%-2d %s%s' % (n, frame.name() or '%#x' % frame.pc(), where))
            frame, n = frame.older(), n + 1
    except gdb.error as problem:
        print('    (%s)' % problem)
    finally:
        unwinder.saved_sp = None
        gdb.invalidate_cached_frames()


class Coroutines(gdb.Command):
    """coroutines [bt]: lists all coroutines, with backtraces."""

    def __init__(self):
        super().__init__('coroutines', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        every = list(coroutines())
        for co in every:
            print(line(co))
            if argument.strip() == 'bt':
                backtrace(co)
        print('%d coroutines' % len(every))


class Coroutine(gdb.Command):
    """coroutine ADDRESS|NAME: backtrace of one, or of all with that name."""

    def __init__(self):
        super().__init__('coroutine', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        wanted = argument.strip()
        found = [c for c in coroutines() if wanted in ('%#x' % int(c), c['name'].string())]
        if not found:
            raise gdb.GdbError('no coroutine "%s"; see: coroutines' % wanted)
        for co in found:
            print(line(co))
            backtrace(co)


Coroutines()
Coroutine()
