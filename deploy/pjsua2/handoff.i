/* What we add to pjsua2's SWIG interface; included by pjsua2.i ahead of its own headers. */

%{
#include "calls.h"
#include "guard.h"
#include "legs.h"
#include "messages.h"
#include "names.h"
#include "probe.h"
#include "relay.h"
#include "requests.h"
#include "resolve.h"
#include "tap.h"
#include "tls.h"
#include "trace.h"
%}

/* All of it is short, and no other thread that it may wait for ever wants the interpreter: given up around
 * each call, the interpreter would be somebody else's more often than not when it is wanted back. */
%nothread;

%include "calls.h"
%include "guard.h"
%include "legs.h"
%include "messages.h"
%include "names.h"
%include "probe.h"
%include "relay.h"
%include "requests.h"
%include "resolve.h"
%include "tap.h"
%include "tls.h"
%include "trace.h"

/* The listener of calls.h: a callable with the event's kind, the call's number, three numbers and two texts. */
%{
static PyObject *listener;

static PyObject *text_of(const char *text, long length)
{
    return PyUnicode_DecodeUTF8(text ? text : "", text ? length : 0, "replace");
}

static int tell_listener(const handoff_event *event)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *arguments[8] = {
        NULL,
        PyLong_FromLong(event->kind), PyLong_FromLong(event->call_id),
        PyLong_FromLong(event->a), PyLong_FromLong(event->b), PyLong_FromLong(event->c),
        text_of(event->text, event->text_length), text_of(event->more, event->more_length),
    };
    PyObject *answer = NULL;
    int yes = 0, all = 1, i;

    for (i = 1; i < 8; ++i)
        all = all && arguments[i];
    if (all)
        answer = PyObject_Vectorcall(listener, arguments + 1, 7 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (answer)
        yes = PyObject_IsTrue(answer) > 0;
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(listener);
    Py_XDECREF(answer);
    for (i = 1; i < 8; ++i)
        Py_XDECREF(arguments[i]);
    PyGILState_Release(state);
    return yes;
}
%}

%inline %{
/* Tell this callable from now on. */
void handoff_calls_listen(PyObject *callable)
{
    Py_INCREF(callable);
    Py_XDECREF(listener);
    listener = callable;
    handoff_listener = &tell_listener;
}
%}

%inline %{
/* The bytes of the message at a position, or None once they were overwritten. */
PyObject *handoff_message_whole(unsigned long long position)
{
    long length = handoff_message_length(position);
    PyObject *whole;

    if (length < 0)
        Py_RETURN_NONE;
    whole = PyBytes_FromStringAndSize(NULL, length);
    if (whole)
        handoff_message_copy(position, PyBytes_AS_STRING(whole));
    return whole;
}
%}

%inline %{
/* The packets of tapped legs since the last time (tap.h). */
PyObject *handoff_tap_take(void)
{
    unsigned length;
    const char *packets = handoff_tap_taken(&length);

    return PyBytes_FromStringAndSize(packets, length);
}
%}

%feature("nothread", "");
%feature("nothread") pj::Endpoint::libHandleEvents;
