#include <QCoreApplication>

#include "app/fetch/FetchCommand.h"

int main(int argc, char** argv)
{
    QCoreApplication application(argc, argv);
    return btcai::fetch::run(argc, argv);
}
