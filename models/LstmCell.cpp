#include "models/LstmCell.h"

#include "models/KernelChoice.h"
#include "models/VectorKernels.h"

namespace btcai {

using torch::Tensor;

void initializeLstm(torch::nn::Linear& input, Tensor& recurrent, double forgetBias)
{
    const torch::NoGradGuard guard;
    const std::int64_t width = recurrent.size(1);
    for (std::int64_t gate = 0; gate < 4; ++gate)
        torch::nn::init::orthogonal_(recurrent.narrow(0, gate * width, width));
    input->bias.zero_();
    input->bias.narrow(0, width, width).fill_(forgetBias);
}

void lstmStep(Tensor gate, const Tensor& cellBefore, Tensor cell, Tensor cellTanh, Tensor state)
{
    const std::int64_t hidden = cell.size(1);
    if (takesKernels(gate, cellBefore, cell, cellTanh, state)) {
        kernels::lstmCell(gate.data_ptr<float>(), cellBefore.data_ptr<float>(), cell.data_ptr<float>(), cellTanh.data_ptr<float>(), state.data_ptr<float>(),
                          cell.size(0), hidden);
        return;
    }
    gate.narrow(1, 0, 3 * hidden).sigmoid_();
    const Tensor candidate = gate.narrow(1, 3 * hidden, hidden).tanh_();
    torch::mul_out(cell, gate.narrow(1, hidden, hidden), cellBefore);
    cell.addcmul_(gate.narrow(1, 0, hidden), candidate);
    torch::tanh_out(cellTanh, cell);
    torch::mul_out(state, gate.narrow(1, 2 * hidden, hidden), cellTanh);
}

void lstmStepBackward(const Tensor& gate, const Tensor& cellBefore, const Tensor& cellTanh, const Tensor& gradState, Tensor& gradCell, Tensor gradGate)
{
    const std::int64_t hidden = cellTanh.size(1);
    if (takesKernels(gate, cellBefore, cellTanh, gradState, gradCell, gradGate)) {
        kernels::throughLstmCell(gate.data_ptr<float>(), cellBefore.data_ptr<float>(), cellTanh.data_ptr<float>(), gradState.data_ptr<float>(),
                                 gradCell.data_ptr<float>(), gradGate.data_ptr<float>(), cellTanh.size(0), hidden);
        return;
    }
    const Tensor input = gate.narrow(1, 0, hidden), forget = gate.narrow(1, hidden, hidden), output = gate.narrow(1, 2 * hidden, hidden),
                 candidate = gate.narrow(1, 3 * hidden, hidden);
    gradCell.add_(torch::tanh_backward(gradState * output, cellTanh));
    Tensor gradInput = gradGate.narrow(1, 0, hidden), gradForget = gradGate.narrow(1, hidden, hidden), gradOutput = gradGate.narrow(1, 2 * hidden, hidden),
           gradCandidate = gradGate.narrow(1, 3 * hidden, hidden);
    torch::sigmoid_backward_out(gradInput, gradCell * candidate, input);
    torch::sigmoid_backward_out(gradForget, gradCell * cellBefore, forget);
    torch::sigmoid_backward_out(gradOutput, gradState * cellTanh, output);
    torch::tanh_backward_out(gradCandidate, gradCell * input, candidate);
    gradCell.mul_(forget);
}

} // namespace btcai
