// The proof on a device, packed by bench/gpu/pack and run by bench/gpu/run on a machine without .NET:
//   tests   every op test and model parity test of one device
//   estimate   least times from the interpreter of PTX and published rates, no GPU; bench/gpu/estimate
//   bench   times, beside cuBLAS and PyTorch where they are
// Exit codes: 0 done, 1 a test failed or nothing could be tested, 2 wrong input.

using HeadTap.Gpu;
using HeadTap.Runtime;

try
{
    var options = Options.Parse(args);
    return options.Verb switch
    {
        "tests" => DeviceTests.Run(options),
        "estimate" => Estimates.Run(options),
        _ => Benches.Run(options),
    };
}
catch (UserException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
