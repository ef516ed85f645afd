#include "app/gui/training/WorkerEnd.h"

#include <string.h>

namespace btcai::gui {

QString signalText(int number)
{
    const char* const name = sigabbrev_np(number);
    return name ? QStringLiteral("signal %1, SIG%2").arg(number).arg(QString::fromLatin1(name))
                : QStringLiteral("signal %1").arg(number);
}

} // namespace btcai::gui
