/* What we add to pjsua2's SWIG interface; included by pjsua2.i ahead of its own headers. */

%{
#include "guard.h"
#include "legs.h"
#include "names.h"
#include "probe.h"
#include "relay.h"
#include "requests.h"
#include "resolve.h"
#include "tls.h"
#include "trace.h"
%}

/* An exception or a wrong type from onCallRedirected would otherwise be a NULL dereference or an
 * uncaught C++ exception, set off by any 3xx: stop following the redirection instead. */
%typemap(directorout) pjsip_redirect_op {
    long op = PJSIP_REDIRECT_STOP;
    PyObject *returned = $input;
    if (returned && PyLong_Check(returned))
        op = PyLong_AsLong(returned);
    if (PyErr_Occurred()) {
        PyErr_WriteUnraisable(NULL);
        op = PJSIP_REDIRECT_STOP;
    }
    $result = (pjsip_redirect_op)op;
}

%include "guard.h"
%include "legs.h"
%include "names.h"
%include "probe.h"
%include "relay.h"
%include "requests.h"
%include "resolve.h"
%include "tls.h"
%include "trace.h"
