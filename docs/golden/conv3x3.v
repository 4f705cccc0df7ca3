// A 3 x 3 convolution, one product a clock: nine unsigned pixels of 8 bits, nine signed weights, a signed bias.
// Weights are not flipped: the one at row r and column c multiplies the pixel at row r and column c of the window.
module conv3x3 #(parameter ACCUMULATOR = 32) (
    input  wire                          clock,
    input  wire                          start,
    input  wire signed [ACCUMULATOR-1:0] bias,
    input  wire        [7:0]             pixel,
    input  wire signed [7:0]             weight,
    output reg  signed [ACCUMULATOR-1:0] sum,
    output reg                           done
);
    reg [3:0] count = 0;
    wire signed [16:0] product = $signed({1'b0, pixel}) * weight;

    always @(posedge clock) begin
        sum   <= (start ? bias : sum) + product;
        count <= start ? 1 : count + 1;
        done  <= !start && count == 8;
    end
endmodule
