// Holds conv3x3 against golden vectors: run it in the folder that `cnnfilter convolve ... --golden` wrote.
// HEIGHT and WIDTH are those of the input; the map of a "valid" 3 x 3 convolution has two rows and columns fewer.
`timescale 1ns / 1ns
module tb_conv3x3;
    parameter HEIGHT = 8, WIDTH = 8;
    localparam ROWS = HEIGHT - 2, COLUMNS = WIDTH - 2;

    reg        [7:0]  pixels   [0:HEIGHT*WIDTH-1];
    reg signed [7:0]  weights  [0:8];
    reg signed [7:0]  bias     [0:0];
    reg signed [31:0] expected [0:ROWS*COLUMNS-1];

    reg                clock = 0, start = 0;
    reg         [7:0]  pixel = 0;
    reg  signed [7:0]  weight = 0;
    wire signed [31:0] sum;
    wire               done;
    integer row, column, tap, wrong = 0;

    conv3x3 unit (.clock(clock), .start(start), .bias({{24{bias[0][7]}}, bias[0]}), .pixel(pixel), .weight(weight),
                  .sum(sum), .done(done));

    always #5 clock = !clock;

    initial begin
        $readmemh("input.mem", pixels);
        $readmemh("weights.mem", weights);
        $readmemh("bias.mem", bias);
        $readmemh("expected.mem", expected);
        for (row = 0; row < ROWS; row = row + 1)
            for (column = 0; column < COLUMNS; column = column + 1) begin
                for (tap = 0; tap < 9; tap = tap + 1) begin
                    @(negedge clock);
                    start  = tap == 0;
                    pixel  = pixels[(row + tap / 3) * WIDTH + column + tap % 3];
                    weight = weights[tap];
                end
                @(negedge clock);
                if (!done || sum !== expected[row * COLUMNS + column]) begin
                    if (wrong == 0)
                        $display("FAIL at row %0d, column %0d: %0d, expected %0d", row, column, sum,
                                 expected[row * COLUMNS + column]);
                    wrong = wrong + 1;
                end
            end
        if (wrong == 0) $display("PASS: %0d values", ROWS * COLUMNS);
        else            $display("%0d of %0d values are wrong", wrong, ROWS * COLUMNS);
        $finish;
    end
endmodule
